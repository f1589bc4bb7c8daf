// C = alpha A B (+ addend) (+ bias) with any strides: both operands are packed into panels, and a 4 x 8 block of C
// is kept in eight vector registers while it runs along k. Blocking: KC x NC of B and MC x KC of A stay in cache.
//
// Why 4 x 8 and no unrolling: V8 has 15 vector registers to give, and may schedule every load of a step before its
// first product. 8 sums + 2 of B + 4 of A fit whatever the order; wider blocks (6 x 8) spill, at half the speed, as
// soon as the code around the loop changes, and so do unrolled loops (docs/decisions/gemm-kernel.md).
import { activate } from './elementwise';
import { fma, splat } from './simd';
import { barrier, shareEnd, shareStart, thread, threads, workspace } from './team';

const MR: i32 = 4;
const NR: i32 = 8;
const KC: i32 = 256;
const MC: i32 = 96;
const NC: i32 = 512;
const EDGE_BYTES: usize = 256;
/** Rows that are copied from columns at once: a cache line of floats. */
const MIRRORED: i32 = 16;
const PANEL_A_BYTES: usize = <usize>(MC * KC) << 2;
/** One step along k in a packed panel of A and of B. */
const STEP_A: usize = <usize>MR << 2;
const STEP_B: usize = <usize>NR << 2;

/**
 * kc steps of a packed panel of A times one of B, a block of C.
 * `from` is what is added: C itself, an addend in C's layout, a bias (fromBytes 0), or nothing (0).
 */
function micro(kc: i32, a: usize, b: usize, c: usize, rowBytes: usize, from: usize, fromBytes: usize): void {
  let c00 = splat(0), c01 = splat(0), c10 = splat(0), c11 = splat(0), c20 = splat(0), c21 = splat(0);
  let c30 = splat(0), c31 = splat(0);
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
    a += STEP_A;
    b += STEP_B;
  }
  if (from != 0) {
    c00 = f32x4.add(c00, v128.load(from));
    c01 = f32x4.add(c01, v128.load(from, 16));
    from += fromBytes;
    c10 = f32x4.add(c10, v128.load(from));
    c11 = f32x4.add(c11, v128.load(from, 16));
    from += fromBytes;
    c20 = f32x4.add(c20, v128.load(from));
    c21 = f32x4.add(c21, v128.load(from, 16));
    from += fromBytes;
    c30 = f32x4.add(c30, v128.load(from));
    c31 = f32x4.add(c31, v128.load(from, 16));
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  c += rowBytes;
  v128.store(c, c10);
  v128.store(c, c11, 16);
  c += rowBytes;
  v128.store(c, c20);
  v128.store(c, c21, 16);
  c += rowBytes;
  v128.store(c, c30);
  v128.store(c, c31, 16);
}

/** A block at the edge: computed whole beside C, of which `rows` x `columns` are kept. */
function microEdge(
  kc: i32, a: usize, b: usize, c: usize, rowBytes: usize, from: usize, fromBytes: usize, rows: i32, columns: i32,
): void {
  let edge = workspace;
  micro(kc, a, b, edge, STEP_B, 0, 0);
  for (let r = 0; r < rows; r++) {
    if (columns == NR) {
      let left = v128.load(edge);
      let right = v128.load(edge, 16);
      if (from != 0) {
        left = f32x4.add(left, v128.load(from));
        right = f32x4.add(right, v128.load(from, 16));
      }
      v128.store(c, left);
      v128.store(c, right, 16);
    } else {
      for (let q = 0; q < columns; q++) {
        const at = <usize>q << 2;
        const value = load<f32>(edge + at);
        store<f32>(c + at, from != 0 ? load<f32>(from + at) + value : value);
      }
    }
    edge += STEP_B;
    c += rowBytes;
    if (from != 0) from += fromBytes;
  }
}

/** alpha times n rows of A (strides in bytes), kc columns, into panels of 4 rows; missing rows are zero. */
function packA(to: usize, a: usize, rowBytes: usize, columnBytes: usize, n: i32, kc: i32, alpha: f32): void {
  const full = n - (n % MR);
  const scale = splat(alpha);
  for (let i = 0; i < full; i += MR) {
    const from = a + <usize>i * rowBytes;
    if (columnBytes == 4) packTransposed(to, STEP_A, from, rowBytes, kc, alpha);
    else if (rowBytes == 4) {
      let x = from;
      for (let k = 0; k < kc; k++) {
        v128.store(to + (<usize>k << 4), f32x4.mul(v128.load(x), scale));
        x += columnBytes;
      }
    } else packAny(to, STEP_A, from, rowBytes, columnBytes, MR, kc, alpha);
    to += <usize>kc * STEP_A;
  }
  if (full < n) packAny(to, STEP_A, a + <usize>full * rowBytes, rowBytes, columnBytes, n - full, kc, alpha);
}

/** kc rows of B, n columns (strides in bytes), into panels of 8 columns; missing columns are zero. */
function packB(to: usize, b: usize, rowBytes: usize, columnBytes: usize, n: i32, kc: i32): void {
  const full = n - (n % NR);
  for (let j = 0; j < full; j += NR) {
    let from = b + <usize>j * columnBytes;
    if (columnBytes == 4) {
      for (let k = 0; k < kc; k++) {
        const at = to + <usize>k * STEP_B;
        v128.store(at, v128.load(from));
        v128.store(at, v128.load(from, 16), 16);
        from += rowBytes;
      }
    } else if (rowBytes == 4) {
      packTransposed(to, STEP_B, from, columnBytes, kc, 1);
      packTransposed(to + 16, STEP_B, from + 4 * columnBytes, columnBytes, kc, 1);
    } else packAny(to, STEP_B, from, columnBytes, rowBytes, NR, kc, 1);
    to += <usize>kc * STEP_B;
  }
  if (full < n) packAny(to, STEP_B, b + <usize>full * columnBytes, columnBytes, rowBytes, n - full, kc, 1);
}

/** Four lines that are contiguous along k, `apart` bytes from each other, transposed in 4 x 4 blocks and multiplied by alpha. */
function packTransposed(to: usize, step: usize, from: usize, apart: usize, kc: i32, alpha: f32): void {
  const scale = splat(alpha);
  let k = 0;
  for (; k + 4 <= kc; k += 4) {
    const r0 = f32x4.mul(v128.load(from), scale);
    const r1 = f32x4.mul(v128.load(from + apart), scale);
    const r2 = f32x4.mul(v128.load(from + 2 * apart), scale);
    const r3 = f32x4.mul(v128.load(from + 3 * apart), scale);
    const t0 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
    const t1 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
    const t2 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
    const t3 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<f32>(t0, t2, 0, 1, 4, 5));
    v128.store(to + step, v128.shuffle<f32>(t0, t2, 2, 3, 6, 7));
    v128.store(to + 2 * step, v128.shuffle<f32>(t1, t3, 0, 1, 4, 5));
    v128.store(to + 3 * step, v128.shuffle<f32>(t1, t3, 2, 3, 6, 7));
    from += 16;
    to += 4 * step;
  }
  for (; k < kc; k++) {
    for (let i = 0; i < 4; i++) store<f32>(to + (<usize>i << 2), alpha * load<f32>(from + <usize>i * apart));
    from += 4;
    to += step;
  }
}

/** Up to a panel's worth of lines with any strides; the rest of the panel is zero. `step`: bytes of the panel a step along k. */
function packAny(to: usize, step: usize, from: usize, lineBytes: usize, stepBytes: usize, lines: i32, kc: i32, alpha: f32): void {
  const width = <i32>(step >> 2);
  for (let k = 0; k < kc; k++) {
    let x = from;
    for (let i = 0; i < width; i++) {
      store<f32>(to + (<usize>i << 2), i < lines ? alpha * load<f32>(x) : 0);
      x += lineBytes;
    }
    from += stepBytes;
    to += step;
  }
}

/**
 * One matrix product on this thread alone. Strides in elements; C's columns are contiguous.
 * `from` [m, n] with rows of fromRow elements is added: an addend, a bias (fromRow 0), or nothing (0).
 */
function product(
  m: i32, n: i32, k: i32, alpha: f32,
  a: usize, aRow: i32, aColumn: i32,
  b: usize, bRow: i32, bColumn: i32,
  c: usize, cRow: i32, from: usize, fromRow: i32, bias: usize, activation: i32,
): void {
  const panelA = workspace + EDGE_BYTES;
  const panelB = panelA + PANEL_A_BYTES;
  const cBytes = <usize>cRow << 2;
  for (let j0 = 0; j0 < n; j0 += NC) {
    const nc = min(NC, n - j0);
    for (let k0 = 0; k0 < k; k0 += KC) {
      const kc = min(KC, k - k0);
      const base = k0 > 0 ? c : from;
      const baseBytes = k0 > 0 ? cBytes : <usize>fromRow << 2;
      packB(panelB, b + ((<usize>k0 * bRow + <usize>j0 * bColumn) << 2), <usize>bRow << 2, <usize>bColumn << 2, nc, kc);
      for (let i0 = 0; i0 < m; i0 += MC) {
        const mc = min(MC, m - i0);
        packA(panelA, a + ((<usize>i0 * aRow + <usize>k0 * aColumn) << 2), <usize>aRow << 2, <usize>aColumn << 2, mc, kc, alpha);
        for (let j = 0; j < nc; j += NR) {
          const bp = panelB + (<usize>(j * kc) << 2);
          const columns = min(NR, nc - j);
          const column = <usize>(j0 + j) << 2;
          for (let i = 0; i < mc; i += MR) {
            const ap = panelA + (<usize>(i * kc) << 2);
            const rows = min(MR, mc - i);
            const cp = c + <usize>(i0 + i) * cBytes + column;
            const fp = base == 0 ? 0 : base + <usize>(i0 + i) * baseBytes + column;
            if (rows == MR && columns == NR) micro(kc, ap, bp, cp, cBytes, fp, baseBytes);
            else microEdge(kc, ap, bp, cp, cBytes, fp, baseBytes, rows, columns);
          }
        }
        if (k0 + kc == k && (bias != 0 || activation != 0))
          epilogue(c + <usize>i0 * cBytes + (<usize>j0 << 2), mc, nc, cRow, bias == 0 ? 0 : bias + (<usize>j0 << 2), activation);
      }
    }
  }
}

/** Adds a bias (where it was not what the product started from) and applies the activation to a block of C still in cache. */
function epilogue(c: usize, m: i32, n: i32, cRow: i32, bias: usize, activation: i32): void {
  const whole = n & ~3;
  for (let i = 0; i < m; i++) {
    const row = c + ((<usize>i * cRow) << 2);
    if (bias != 0) {
      for (let j = 0; j < n; j++) {
        const at = <usize>j << 2;
        store<f32>(row + at, load<f32>(row + at) + load<f32>(bias + at));
      }
    }
    if (activation == 0) continue;
    activate(row, row, <usize>whole << 2, activation);
    // What lies behind the last whole vector may be another thread's.
    for (let j = whole; j < n; j++) {
      const at = row + (<usize>j << 2);
      store<f32>(workspace, load<f32>(at));
      activate(workspace, workspace, 16, activation);
      store<f32>(at, load<f32>(workspace));
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
  bias: usize, addend: usize, activation: i32, symmetric: i32,
): void {
  if (symmetric != 0) {
    gram(n, k, alpha, a, aRow, aColumn, c, cRow);
    return;
  }
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
    const shift = bias == 0 ? 0 : bias + (<usize>columnFrom << 2);
    if (addend != 0)
      product(rows, columns, k, alpha, ap, aRow, aColumn, bp, bRow, bColumn, c + offset, cRow, addend + offset, cRow, shift, activation);
    else product(rows, columns, k, alpha, ap, aRow, aColumn, bp, bRow, bColumn, c + offset, cRow, shift, 0, 0, activation);
  }
}

/**
 * C = alpha A A^T [n, n] on the team, half of whose work is mirrored: blocks of rows from the diagonal on are dealt out in turns, and
 * what lies below the diagonal is copied.
 */
function gram(n: i32, k: i32, alpha: f32, a: usize, aRow: i32, aColumn: i32, c: usize, cRow: i32): void {
  const line = <usize>aRow << 2;
  const row = <usize>cRow << 2;
  for (let i = 0, turn = 0; i < n; i += MC, turn++) {
    // 0, 1, 1, 0, 0, 1 ...: later blocks are shorter.
    const place = turn % (2 * threads);
    if ((place < threads ? place : 2 * threads - 1 - place) != thread) continue;
    const from = a + <usize>i * line;
    product(min(MC, n - i), n - i, k, alpha, from, aRow, aColumn, from, aColumn, aRow, c + <usize>i * row + (<usize>i << 2), cRow, 0, 0, 0, 0);
  }
  barrier();
  for (let i = shareStart(n, MIRRORED); i < shareEnd(n, MIRRORED); i += MIRRORED) {
    const rows = min(MIRRORED, n - i);
    for (let j = 0; j < i + rows; j++) {
      const from = c + <usize>j * row;
      for (let r = max(i, j + 1); r < i + rows; r++) store<f32>(c + <usize>r * row + (<usize>j << 2), load<f32>(from + (<usize>r << 2)));
    }
  }
}
