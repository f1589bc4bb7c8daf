/**
 * A matrix as NumPy's `.npy` file, version 1.0 (NEP 1): little-endian float32, row-major.
 * @param data [rows, columns]
 */
export function npyBytes(rows: number, columns: number, data: Float32Array): Uint8Array<ArrayBuffer> {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${columns}), }`;
  const before = 10 + header.length + 1;
  // The numbers begin at a multiple of 64 bytes.
  const start = Math.ceil(before / 64) * 64;
  const file = new Uint8Array(start + 4 * data.length);
  const view = new DataView(file.buffer);
  file.set([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0]);
  view.setUint16(8, start - 10, true);
  file.set(new TextEncoder().encode(`${header.padEnd(start - 11)}\n`), 10);
  data.forEach((number, i) => view.setFloat32(start + 4 * i, number, true));
  return file;
}
