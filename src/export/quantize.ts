/** A matrix as bytes: row r's value is scales[r] values[r, c]. */
export interface QuantizedRows {
  readonly values: Int8Array;
  readonly scales: Float32Array;
}

/** Of a byte, on either side of 0. */
const MOST = 127;
/** Of two neighbours of one sign: 128 x 255 fits into 16 bits, more does not. */
const TOGETHER = 128;
/** Scales that are tried for a row whose neighbours do not fit. */
const TRIED = 8;

/**
 * Rounds every row of a [rows, columns] matrix to whole numbers from -127 to 127 and a scale of its own; 0 stays 0.
 *
 * Rows that are multiplied leave room: x86 without VNNI multiplies unsigned activations by signed weights, adds the
 * products of columns 2i and 2i + 1 in 16 bits, and cuts what does not fit (`vpmaddubsw`). These two may therefore have
 * 128 together. A row gets the scale at which rounding, with such neighbours cut, loses least.
 * @param data rows x columns values, row-major
 * @param multiplied false for a table that is only looked up
 */
export function quantizeRows(data: Float32Array, rows: number, multiplied: boolean): QuantizedRows {
  const columns = data.length / rows;
  const values = new Int8Array(data.length);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const line = data.subarray(row * columns, (row + 1) * columns);
    const out = values.subarray(row * columns, (row + 1) * columns);
    let most = 0;
    for (const value of line) most = Math.max(most, Math.abs(value));
    // A row of zeros has no range, but its scale must not be 0.
    const finest = Math.fround(most / MOST) || 1;
    const scale = multiplied ? leastLoss(line, finest, out) : finest;
    scales[row] = scale;
    round(line, scale, multiplied, out);
  }
  return { values, scales };
}

/** The best of the scales from the finest to that at which no neighbours are cut. */
function leastLoss(line: Float32Array, finest: number, scratch: Int8Array): number {
  let pair = 0;
  for (let i = 0; i + 1 < line.length; i += 2) pair = Math.max(pair, Math.abs((line[i] ?? 0) + (line[i + 1] ?? 0)));
  const coarsest = pair / TOGETHER;
  let best = finest;
  if (coarsest <= finest) return best;
  let least = Infinity;
  for (let step = 0; step < TRIED; step++) {
    const scale = Math.fround(finest + ((coarsest - finest) * step) / (TRIED - 1));
    const loss = round(line, scale, true, scratch);
    if (loss >= least) continue;
    least = loss;
    best = scale;
  }
  return best;
}

/** Writes a row's whole numbers. @returns the sum of squared differences */
function round(line: Float32Array, scale: number, multiplied: boolean, out: Int8Array): number {
  const within = (value: number): number => Math.min(MOST, Math.max(-MOST, Math.round(value)));
  let loss = 0;
  for (let i = 0; i < line.length; i += 2) {
    const [x, y] = [(line[i] ?? 0) / scale, (line[i + 1] ?? 0) / scale];
    let [left, right] = [within(x), within(y)];
    if (multiplied && Math.abs(left + right) > TOGETHER) {
      // What is too much is taken from both alike.
      const most = Math.sign(left + right) * TOGETHER;
      left = within(x - (x + y - most) / 2);
      right = most - left;
    }
    out[i] = left;
    loss += (left - x) ** 2;
    if (i + 1 >= line.length) break;
    out[i + 1] = right;
    loss += (right - y) ** 2;
  }
  return loss * scale * scale;
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
