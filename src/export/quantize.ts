/** A matrix as bytes: row r's value is scales[r] (values[r, c] - zeroPoints[r]). */
export interface QuantizedRows {
  readonly values: Uint8Array;
  readonly scales: Float32Array;
  readonly zeroPoints: Uint8Array;
}

/**
 * Rounds every row of a [rows, columns] matrix to 256 levels between its smallest and largest value, 0 among them.
 *
 * Unsigned bytes, as ONNX Runtime's own QUInt8: products of unsigned and signed bytes saturate on x86 without VNNI.
 * @param data rows x columns values, row-major
 */
export function quantizeRows(data: Float32Array, rows: number): QuantizedRows {
  const columns = data.length / rows;
  const values = new Uint8Array(data.length);
  const scales = new Float32Array(rows);
  const zeroPoints = new Uint8Array(rows);
  for (let row = 0; row < rows; row++) {
    const from = row * columns;
    let low = 0;
    let high = 0;
    for (let i = from; i < from + columns; i++) {
      low = Math.min(low, data[i] ?? 0);
      high = Math.max(high, data[i] ?? 0);
    }
    // A row of zeros has no range, but its scale must not be 0.
    const scale = Math.fround((high - low) / 255) || 1;
    const zero = Math.round(-low / scale);
    scales[row] = scale;
    zeroPoints[row] = zero;
    for (let i = from; i < from + columns; i++) values[i] = Math.min(255, Math.max(0, Math.round((data[i] ?? 0) / scale) + zero));
  }
  return { values, scales, zeroPoints };
}

/** Values of a row that share a scale. */
export const BLOCK = 32;
/** The level that stands for 0, of 16. */
export const MIDDLE = 8;

/** A matrix in four bits: row r's value c is scales[r, block] (nibble - 8), its block c / 32 and its nibble the low half of a byte if c is even. */
export interface QuantizedBlocks {
  /** [rows, blocks, 16] bytes. */
  readonly values: Uint8Array;
  /** [rows, blocks]; negative if the block's largest value is positive. */
  readonly scales: Float32Array;
  readonly blocks: number;
}

/**
 * Rounds every 32 values of a row to 16 levels; a row that is no multiple of 32 is filled with zeros.
 *
 * There are eight levels on one side of 0 and seven on the other: the side of eight is that of the value farthest from 0, which is
 * exact. It is the form that ONNX Runtime's `MatMulNBits` reads without zero points, and llama.cpp's `Q4_0`.
 *
 * @param data rows x columns values, row-major
 */
export function quantizeBlocks(data: Float32Array, rows: number): QuantizedBlocks {
  const columns = data.length / rows;
  const blocks = Math.ceil(columns / BLOCK);
  const values = new Uint8Array((rows * blocks * BLOCK) / 2);
  const scales = new Float32Array(rows * blocks);
  for (let row = 0; row < rows; row++)
    for (let block = 0; block < blocks; block++) {
      const from = row * columns + block * BLOCK;
      const held = data.subarray(from, Math.min(from + BLOCK, (row + 1) * columns));
      let farthest = 0;
      for (const value of held) if (Math.abs(value) > Math.abs(farthest)) farthest = value;
      // A block of zeros has no farthest value, but a scale that is not 0.
      const scale = Math.fround(farthest / -MIDDLE) || 1;
      const at = row * blocks + block;
      scales[at] = scale;
      for (let i = 0; i < BLOCK; i++) {
        const level = Math.min(15, Math.max(0, Math.round((held[i] ?? 0) / scale) + MIDDLE));
        const byte = (at * BLOCK + i) >> 1;
        values[byte] = (values[byte] ?? 0) | (i % 2 === 0 ? level : level << 4);
      }
    }
  return { values, scales, blocks };
}
