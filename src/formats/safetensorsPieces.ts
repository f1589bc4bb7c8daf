import { encodeHalf } from '../tensor/float16.ts';
import type { NamedTensors } from '../tensor/tensor.ts';

/**
 * A safetensors file piece by piece: header, then a tensor at a time in their order. Float32 pieces are views of the
 * tensors, half-precision ones are made as they are asked for, so that the file never exists twice.
 *
 * @param dtype storage type of all of them
 */
export function* safetensorsPieces(
  tensors: NamedTensors,
  metadata: Readonly<Record<string, string>>,
  dtype: 'F32' | 'F16' = 'F32',
): Generator<Uint8Array> {
  const width = dtype === 'F32' ? 4 : 2;
  const header = new Map<string, unknown>([['__metadata__', metadata]]);
  let at = 0;
  for (const [name, { shape, data }] of tensors) {
    header.set(name, { dtype, shape, data_offsets: [at, at + data.length * width] });
    at += data.length * width;
  }
  const bytes = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  // Spaces up to a multiple of 8, so that the data starts aligned.
  const padded = Math.ceil(bytes.length / 8) * 8;
  const head = new Uint8Array(8 + padded).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(padded), true);
  head.set(bytes, 8);
  yield head;
  for (const { data } of tensors.values()) {
    const part = dtype === 'F32' ? data : encodeHalf(data);
    yield new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
  }
}
