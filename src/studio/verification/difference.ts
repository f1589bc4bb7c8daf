import type { OnnxFileReport } from '../api/exporting.ts';

/** What two answers may differ by, and how that is measured. */
export type Tolerance = OnnxFileReport['tolerance'];

/** The largest, or NaN if there is one, which Math.max also gives. */
export const worst = (values: readonly number[]): number => Math.max(...values);

export interface Difference {
  readonly difference: number;
  readonly relative: number;
  readonly rms: number;
}

/**
 * Numbers that are not finite, and outputs that the engine lacks, differ by infinity.
 * @param rows which rows of the answer count, all of one width: what is answered for padding is nobody's business. All if left out.
 */
export function difference(expected: Float32Array | undefined, got: Float32Array, rows: Uint8Array = Uint8Array.of(1)): Difference {
  const endless = { difference: Infinity, relative: Infinity, rms: Infinity };
  if (expected === undefined || expected.length !== got.length) return endless;
  let largest = 0;
  let relative = 0;
  let squares = 0;
  let sum = 0;
  let sumSquares = 0;
  let count = 0;
  const width = expected.length / rows.length;
  for (const [i, value] of expected.entries()) {
    const gap = Math.abs(value - (got[i] ?? Number.NaN));
    if (!Number.isFinite(gap)) return endless;
    if (rows[Math.floor(i / width)] === 0) continue;
    count += 1;
    if (gap > largest) largest = gap;
    const share = gap / Math.max(1, Math.abs(value));
    if (share > relative) relative = share;
    squares += gap * gap;
    sum += value;
    sumSquares += value * value;
  }
  count = Math.max(1, count);
  const spread = sumSquares / count - (sum / count) ** 2;
  return { difference: largest, relative, rms: spread > 0 ? Math.sqrt(squares / count / spread) : Math.sqrt(squares / count) };
}
