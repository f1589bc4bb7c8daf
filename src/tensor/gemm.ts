/** A rectangle of float64 numbers with any steps, so that blocks and transposes need no copies. */
export interface Block {
  readonly data: Float64Array;
  /** Index of the first element. */
  readonly offset: number;
  readonly rows: number;
  readonly columns: number;
  readonly rowStep: number;
  readonly columnStep: number;
}

/** Elements of the inner dimension that are packed at once: a panel of 4 x 256 doubles stays in the first-level cache. */
const DEPTH = 256;
const TILE = 4;

/** The same numbers with rows and columns exchanged. */
export function flipped(block: Block): Block {
  const { rows, columns, rowStep, columnStep } = block;
  return { ...block, rows: columns, columns: rows, rowStep: columnStep, columnStep: rowStep };
}

/** Panels of TILE rows, [panel][depth][TILE], zeros beyond the last row. */
function packed(into: Float64Array, block: Block, from: number, depth: number): void {
  const { data, offset, rows, rowStep, columnStep } = block;
  for (let row = 0; row < rows; row += TILE)
    for (let lane = 0; lane < TILE; lane++) {
      const inside = row + lane < rows;
      let at = offset + (row + lane) * rowStep + from * columnStep;
      let to = row * depth + lane;
      for (let p = 0; p < depth; p++) {
        into[to] = inside ? (data[at] ?? 0) : 0;
        at += columnStep;
        to += TILE;
      }
    }
}

/**
 * c += sign a b, a [m, k], b [k, n], c [m, n]; c's columns must lie side by side.
 *
 * Tiles of 4 x 4 results are held in registers while packed panels of a and b stream by: about three times a plain
 * triple loop's speed in JavaScript.
 */
export function addProduct(c: Block, a: Block, b: Block, sign: 1 | -1 = 1): void {
  const [m, k, n] = [a.rows, a.columns, b.columns];
  const columns = flipped(b);
  const left = new Float64Array(Math.ceil(m / TILE) * TILE * Math.min(DEPTH, k));
  const right = new Float64Array(Math.ceil(n / TILE) * TILE * Math.min(DEPTH, k));
  const tile = new Float64Array(TILE * TILE);
  for (let from = 0; from < k; from += DEPTH) {
    const depth = Math.min(DEPTH, k - from);
    packed(left, a, from, depth);
    packed(right, columns, from, depth);
    for (let i = 0; i < m; i += TILE)
      for (let j = 0; j < n; j += TILE) {
        tileProduct(tile, left, i * depth, right, j * depth, depth);
        const height = Math.min(TILE, m - i);
        const width = Math.min(TILE, n - j);
        for (let y = 0; y < height; y++) {
          const to = c.offset + (i + y) * c.rowStep + j;
          for (let x = 0; x < width; x++) c.data[to + x] = (c.data[to + x] ?? 0) + sign * (tile[y * TILE + x] ?? 0);
        }
      }
  }
}

/** Written out, so that the 16 sums stay in registers. */
function tileProduct(tile: Float64Array, left: Float64Array, leftAt: number, right: Float64Array, rightAt: number, depth: number): void {
  let [c00, c01, c02, c03] = [0, 0, 0, 0];
  let [c10, c11, c12, c13] = [0, 0, 0, 0];
  let [c20, c21, c22, c23] = [0, 0, 0, 0];
  let [c30, c31, c32, c33] = [0, 0, 0, 0];
  for (let p = 0; p < depth * TILE; p += TILE) {
    const a0 = left[leftAt + p] ?? 0;
    const a1 = left[leftAt + p + 1] ?? 0;
    const a2 = left[leftAt + p + 2] ?? 0;
    const a3 = left[leftAt + p + 3] ?? 0;
    const b0 = right[rightAt + p] ?? 0;
    const b1 = right[rightAt + p + 1] ?? 0;
    const b2 = right[rightAt + p + 2] ?? 0;
    const b3 = right[rightAt + p + 3] ?? 0;
    c00 += a0 * b0;
    c01 += a0 * b1;
    c02 += a0 * b2;
    c03 += a0 * b3;
    c10 += a1 * b0;
    c11 += a1 * b1;
    c12 += a1 * b2;
    c13 += a1 * b3;
    c20 += a2 * b0;
    c21 += a2 * b1;
    c22 += a2 * b2;
    c23 += a2 * b3;
    c30 += a3 * b0;
    c31 += a3 * b1;
    c32 += a3 * b2;
    c33 += a3 * b3;
  }
  tile[0] = c00;
  tile[1] = c01;
  tile[2] = c02;
  tile[3] = c03;
  tile[4] = c10;
  tile[5] = c11;
  tile[6] = c12;
  tile[7] = c13;
  tile[8] = c20;
  tile[9] = c21;
  tile[10] = c22;
  tile[11] = c23;
  tile[12] = c30;
  tile[13] = c31;
  tile[14] = c32;
  tile[15] = c33;
}
