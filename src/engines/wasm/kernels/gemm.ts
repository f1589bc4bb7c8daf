// C = alpha A B (+ addend) (+ bias) with any strides: both operands are packed into panels, and a 6 x 8 block of C
// is kept in twelve vector registers while it runs along k. Blocking: KC x NC of B and MC x KC of A stay in cache.
import { activate } from './elementwise';
import { fma, splat } from './simd';
import { shareEnd, shareStart, threads, workspace } from './team';

export const MR: i32 = 6;
export const NR: i32 = 8;
const KC: i32 = 256;
const MC: i32 = 96;
const NC: i32 = 512;
const EDGE_BYTES: usize = 256;
const PANEL_A_BYTES: usize = <usize>(MC * KC) << 2;

/** kc steps of a packed panel of A (6 rows) times one of B (8 columns); added to C or stored. */
function micro(kc: i32, a: usize, b: usize, c: usize, rowBytes: usize, accumulate: bool): void {
  let c00 = splat(0), c01 = splat(0), c10 = splat(0), c11 = splat(0), c20 = splat(0), c21 = splat(0);
  let c30 = splat(0), c31 = splat(0), c40 = splat(0), c41 = splat(0), c50 = splat(0), c51 = splat(0);
  for (let k = 0; k < kc; k++) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let x = v128.load32_splat(a);
    c00 = fma(x, b0, c00);
    c01 = fma(x, b1, c01);
    x = v128.load32_splat(a, 4);
    c10 = fma(x, b0, c10);
    c11 = fma(x, b1, c11);
    x = v128.load32_splat(a, 8);
    c20 = fma(x, b0, c20);
    c21 = fma(x, b1, c21);
    x = v128.load32_splat(a, 12);
    c30 = fma(x, b0, c30);
    c31 = fma(x, b1, c31);
    x = v128.load32_splat(a, 16);
    c40 = fma(x, b0, c40);
    c41 = fma(x, b1, c41);
    x = v128.load32_splat(a, 20);
    c50 = fma(x, b0, c50);
    c51 = fma(x, b1, c51);
    a += 24;
    b += 32;
  }
  put(c, c00, c01, accumulate);
  c += rowBytes;
  put(c, c10, c11, accumulate);
  c += rowBytes;
  put(c, c20, c21, accumulate);
  c += rowBytes;
  put(c, c30, c31, accumulate);
  c += rowBytes;
  put(c, c40, c41, accumulate);
  c += rowBytes;
  put(c, c50, c51, accumulate);
}

// @ts-ignore: decorator
@inline
function put(c: usize, left: v128, right: v128, accumulate: bool): void {
  if (accumulate) {
    left = f32x4.add(left, v128.load(c));
    right = f32x4.add(right, v128.load(c, 16));
  }
  v128.store(c, left);
  v128.store(c, right, 16);
}

/** alpha times n rows of A (strides in bytes), kc columns, into panels of 6 rows; missing rows are zero. */
function packA(to: usize, a: usize, rowBytes: usize, columnBytes: usize, n: i32, kc: i32, alpha: f32): void {
  for (let i0 = 0; i0 < n; i0 += MR) {
    const rows = min(MR, n - i0);
    const base = a + <usize>i0 * rowBytes;
    for (let i = 0; i < MR; i++) {
      let out = to + (<usize>i << 2);
      if (i < rows) {
        let from = base + <usize>i * rowBytes;
        for (let k = 0; k < kc; k++) {
          store<f32>(out, alpha * load<f32>(from));
          from += columnBytes;
          out += 24;
        }
      } else {
        for (let k = 0; k < kc; k++) {
          store<f32>(out, 0);
          out += 24;
        }
      }
    }
    to += <usize>kc * 24;
  }
}

/** kc rows of B, n columns (strides in bytes), into panels of 8 columns; missing columns are zero. */
function packB(to: usize, b: usize, rowBytes: usize, columnBytes: usize, n: i32, kc: i32): void {
  for (let j0 = 0; j0 < n; j0 += NR) {
    const columns = min(NR, n - j0);
    let from = b + <usize>j0 * columnBytes;
    if (columns == NR && columnBytes == 4) {
      for (let k = 0; k < kc; k++) {
        v128.store(to, v128.load(from));
        v128.store(to, v128.load(from, 16), 16);
        from += rowBytes;
        to += 32;
      }
    } else if (columns == NR && rowBytes == 4) {
      packTransposed(to, from, columnBytes, kc);
      to += <usize>kc * 32;
    } else {
      for (let k = 0; k < kc; k++) {
        for (let j = 0; j < NR; j++)
          store<f32>(to + (<usize>j << 2), j < columns ? load<f32>(from + <usize>j * columnBytes) : 0);
        from += rowBytes;
        to += 32;
      }
    }
  }
}

/** Eight columns that are contiguous along k: transposed in 4 x 4 blocks. */
function packTransposed(to: usize, from: usize, columnBytes: usize, kc: i32): void {
  for (let half = 0; half < 2; half++) {
    let x = from + <usize>(half * 4) * columnBytes;
    let out = to + <usize>(half * 16);
    let k = 0;
    for (; k + 4 <= kc; k += 4) {
      const r0 = v128.load(x);
      const r1 = v128.load(x + columnBytes);
      const r2 = v128.load(x + 2 * columnBytes);
      const r3 = v128.load(x + 3 * columnBytes);
      const t0 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
      const t1 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
      const t2 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
      const t3 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
      v128.store(out, v128.shuffle<f32>(t0, t2, 0, 1, 4, 5));
      v128.store(out, v128.shuffle<f32>(t0, t2, 2, 3, 6, 7), 32);
      v128.store(out, v128.shuffle<f32>(t1, t3, 0, 1, 4, 5), 64);
      v128.store(out, v128.shuffle<f32>(t1, t3, 2, 3, 6, 7), 96);
      x += 16;
      out += 128;
    }
    for (; k < kc; k++) {
      for (let j = 0; j < 4; j++) store<f32>(out + (<usize>j << 2), load<f32>(x + <usize>j * columnBytes));
      x += 4;
      out += 32;
    }
  }
}

/** One matrix product on this thread alone. Strides in elements; C's columns are contiguous. */
function product(
  m: i32, n: i32, k: i32, alpha: f32,
  a: usize, aRow: i32, aColumn: i32,
  b: usize, bRow: i32, bColumn: i32,
  c: usize, cRow: i32, accumulate: bool,
): void {
  const edge = workspace;
  const panelA = workspace + EDGE_BYTES;
  const panelB = panelA + PANEL_A_BYTES;
  const cBytes = <usize>cRow << 2;
  for (let j0 = 0; j0 < n; j0 += NC) {
    const nc = min(NC, n - j0);
    for (let k0 = 0; k0 < k; k0 += KC) {
      const kc = min(KC, k - k0);
      const adding = k0 > 0 || accumulate;
      packB(panelB, b + ((<usize>k0 * bRow + <usize>j0 * bColumn) << 2), <usize>bRow << 2, <usize>bColumn << 2, nc, kc);
      for (let i0 = 0; i0 < m; i0 += MC) {
        const mc = min(MC, m - i0);
        packA(panelA, a + ((<usize>i0 * aRow + <usize>k0 * aColumn) << 2), <usize>aRow << 2, <usize>aColumn << 2, mc, kc, alpha);
        for (let j = 0; j < nc; j += NR) {
          const bp = panelB + (<usize>(j * kc) << 2);
          const columns = min(NR, nc - j);
          for (let i = 0; i < mc; i += MR) {
            const ap = panelA + (<usize>(i * kc) << 2);
            const rows = min(MR, mc - i);
            const cp = c + <usize>(i0 + i) * cBytes + (<usize>(j0 + j) << 2);
            if (rows == MR && columns == NR) {
              micro(kc, ap, bp, cp, cBytes, adding);
            } else {
              micro(kc, ap, bp, edge, 32, false);
              for (let r = 0; r < rows; r++)
                for (let q = 0; q < columns; q++) {
                  const at = cp + <usize>r * cBytes + (<usize>q << 2);
                  const value = load<f32>(edge + (<usize>(r * NR + q) << 2));
                  store<f32>(at, adding ? load<f32>(at) + value : value);
                }
            }
          }
        }
      }
    }
  }
}

function copyRows(from: usize, to: usize, m: i32, n: i32, cRow: i32): void {
  for (let i = 0; i < m; i++) {
    const at = (<usize>i * cRow) << 2;
    memory.copy(to + at, from + at, <usize>n << 2);
  }
}

/** Adds the bias and applies the activation to rows of C that are still warm. */
function epilogue(c: usize, m: i32, n: i32, cRow: i32, bias: usize, activation: i32): void {
  for (let i = 0; i < m; i++) {
    const row = c + ((<usize>i * cRow) << 2);
    let j = 0;
    for (; j + 4 <= n; j += 4) {
      const at = <usize>j << 2;
      let x = v128.load(row + at);
      if (bias != 0) x = f32x4.add(x, v128.load(bias + at));
      if (activation != 0) x = activate(x, activation);
      v128.store(row + at, x);
    }
    for (; j < n; j++) {
      const at = <usize>j << 2;
      let x = load<f32>(row + at);
      if (bias != 0) x += load<f32>(bias + at);
      if (activation != 0) x = f32x4.extract_lane(activate(splat(x), activation), 0);
      store<f32>(row + at, x);
    }
  }
}

/**
 * Batched product over this thread's share: whole batches where there are enough, else rows or columns of C.
 * Strides [batch 0, batch 1, row, column] in elements; `addend` has C's layout and may be C itself.
 */
export function matmul(
  n0: i32, n1: i32, m: i32, n: i32, k: i32, alpha: f32,
  a: usize, a0: i32, a1: i32, aRow: i32, aColumn: i32,
  b: usize, b0: i32, b1: i32, bRow: i32, bColumn: i32,
  c: usize, c0: i32, c1: i32, cRow: i32,
  bias: usize, addend: usize, activation: i32,
): void {
  const batches = n0 * n1;
  const byBatch = batches >= 2 * threads;
  let rowFrom = 0, rowTo = m, columnFrom = 0, columnTo = n;
  if (!byBatch) {
    if (m >= n) {
      rowFrom = shareStart(m, MR);
      rowTo = shareEnd(m, MR);
    } else {
      columnFrom = shareStart(n, NR);
      columnTo = shareEnd(n, NR);
    }
  }
  const rows = rowTo - rowFrom;
  const columns = columnTo - columnFrom;
  if (rows <= 0 || columns <= 0) return;
  const first = byBatch ? shareStart(batches, 1) : 0;
  const last = byBatch ? shareEnd(batches, 1) : batches;
  for (let batch = first; batch < last; batch++) {
    const i0 = batch / n1;
    const i1 = batch % n1;
    const ap = a + ((<usize>i0 * a0 + <usize>i1 * a1 + <usize>rowFrom * aRow) << 2);
    const bp = b + ((<usize>i0 * b0 + <usize>i1 * b1 + <usize>columnFrom * bColumn) << 2);
    const offset = (<usize>i0 * c0 + <usize>i1 * c1 + <usize>rowFrom * cRow + <usize>columnFrom) << 2;
    if (addend != 0 && addend != c) copyRows(addend + offset, c + offset, rows, columns, cRow);
    product(rows, columns, k, alpha, ap, aRow, aColumn, bp, bRow, bColumn, c + offset, cRow, addend != 0);
    if (bias != 0 || activation != 0)
      epilogue(c + offset, rows, columns, cRow, bias == 0 ? 0 : bias + (<usize>columnFrom << 2), activation);
  }
}
