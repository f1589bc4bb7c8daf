// Dense algebra in float64, for what calibration solves: products, Cholesky factors, triangular solves, column selection. Matrices
// are row-major and contiguous. Every instruction is walked by the whole team, and may meet at barriers of its own.
import { barrier, shareEnd, shareStart, thread, threads, workspace } from './team';

const MR: i32 = 4;
const NR: i32 = 4;
const KC: i32 = 128;
const MC: i32 = 96;
const NC: i32 = 512;
const EDGE_BYTES: usize = 256;
const PANEL_A_BYTES: usize = <usize>(MC * KC) << 3;
/** One step along k in a packed panel of either operand. */
const STEP: usize = 32;
/** Columns that a factorisation finishes at once; the rest of its work is products. */
const PANEL: i32 = 64;

// @ts-ignore: decorator
@inline
function fma(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f64x2.relaxed_madd(a, b, c);
  return f64x2.add(f64x2.mul(a, b), c);
}

/** C += A B for kc steps of packed panels; 4 x 4 sums in eight registers, for the reason that gemm.ts gives. */
function micro(kc: i32, a: usize, b: usize, c: usize, rowBytes: usize): void {
  let c00 = f64x2.splat(0), c01 = f64x2.splat(0), c10 = f64x2.splat(0), c11 = f64x2.splat(0);
  let c20 = f64x2.splat(0), c21 = f64x2.splat(0), c30 = f64x2.splat(0), c31 = f64x2.splat(0);
  for (let k = 0; k < kc; k++) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let x = v128.load64_splat(a);
    c00 = fma(x, b0, c00);
    c01 = fma(x, b1, c01);
    x = v128.load64_splat(a, 8);
    c10 = fma(x, b0, c10);
    c11 = fma(x, b1, c11);
    x = v128.load64_splat(a, 16);
    c20 = fma(x, b0, c20);
    c21 = fma(x, b1, c21);
    x = v128.load64_splat(a, 24);
    c30 = fma(x, b0, c30);
    c31 = fma(x, b1, c31);
    a += STEP;
    b += STEP;
  }
  v128.store(c, f64x2.add(v128.load(c), c00));
  v128.store(c, f64x2.add(v128.load(c, 16), c01), 16);
  c += rowBytes;
  v128.store(c, f64x2.add(v128.load(c), c10));
  v128.store(c, f64x2.add(v128.load(c, 16), c11), 16);
  c += rowBytes;
  v128.store(c, f64x2.add(v128.load(c), c20));
  v128.store(c, f64x2.add(v128.load(c, 16), c21), 16);
  c += rowBytes;
  v128.store(c, f64x2.add(v128.load(c), c30));
  v128.store(c, f64x2.add(v128.load(c, 16), c31), 16);
}

/** A block at the edge: computed whole beside C, of which `rows` x `columns` are added. */
function microEdge(kc: i32, a: usize, b: usize, c: usize, rowBytes: usize, rows: i32, columns: i32): void {
  memory.fill(workspace, 0, <usize>(MR * NR) << 3);
  micro(kc, a, b, workspace, STEP);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) {
      const at = c + <usize>i * rowBytes + (<usize>j << 3);
      store<f64>(at, load<f64>(at) + load<f64>(workspace + <usize>i * STEP + (<usize>j << 3)));
    }
}

/** `sign` times up to n lines of kc numbers, `lineBytes` apart, into panels of four lines; missing lines are zero. */
function pack(to: usize, from: usize, lineBytes: usize, stepBytes: usize, n: i32, kc: i32, sign: f64): void {
  const scale = f64x2.splat(sign);
  for (let i = 0; i < n; i += 4) {
    let x = from + <usize>i * lineBytes;
    const lines = min(4, n - i);
    if (lines == 4 && lineBytes == 8) {
      for (let k = 0; k < kc; k++) {
        v128.store(to, f64x2.mul(v128.load(x), scale));
        v128.store(to, f64x2.mul(v128.load(x, 16), scale), 16);
        x += stepBytes;
        to += STEP;
      }
    } else if (lines == 4) {
      for (let k = 0; k < kc; k++) {
        store<f64>(to, sign * load<f64>(x));
        store<f64>(to, sign * load<f64>(x + lineBytes), 8);
        store<f64>(to, sign * load<f64>(x + 2 * lineBytes), 16);
        store<f64>(to, sign * load<f64>(x + 3 * lineBytes), 24);
        x += stepBytes;
        to += STEP;
      }
    } else {
      for (let k = 0; k < kc; k++) {
        for (let line = 0; line < 4; line++)
          store<f64>(to + (<usize>line << 3), line < lines ? sign * load<f64>(x + <usize>line * lineBytes) : 0);
        x += stepBytes;
        to += STEP;
      }
    }
  }
}

/** C += sign A B on this thread alone: A [m, k] and B [k, n] with strides in bytes, C's columns side by side. */
function product(
  m: i32, n: i32, k: i32, sign: f64, a: usize, aRow: usize, aColumn: usize, b: usize, bRow: usize, bColumn: usize, c: usize, cRow: usize,
): void {
  const panelA = workspace + EDGE_BYTES;
  const panelB = panelA + PANEL_A_BYTES;
  for (let j0 = 0; j0 < n; j0 += NC) {
    const nc = min(NC, n - j0);
    for (let k0 = 0; k0 < k; k0 += KC) {
      const kc = min(KC, k - k0);
      pack(panelB, b + <usize>k0 * bRow + <usize>j0 * bColumn, bColumn, bRow, nc, kc, 1);
      for (let i0 = 0; i0 < m; i0 += MC) {
        const mc = min(MC, m - i0);
        pack(panelA, a + <usize>i0 * aRow + <usize>k0 * aColumn, aRow, aColumn, mc, kc, sign);
        for (let j = 0; j < nc; j += NR) {
          const bp = panelB + (<usize>(j * kc) << 3);
          const columns = min(NR, nc - j);
          for (let i = 0; i < mc; i += MR) {
            const ap = panelA + (<usize>(i * kc) << 3);
            const rows = min(MR, mc - i);
            const cp = c + <usize>(i0 + i) * cRow + (<usize>(j0 + j) << 3);
            if (rows == MR && columns == NR) micro(kc, ap, bp, cp, cRow);
            else microEdge(kc, ap, bp, cp, cRow, rows, columns);
          }
        }
      }
    }
  }
}

/** c [m, n] = a [m, k] b [k, n]; every thread takes rows or columns of it. */
export function multiply(a: usize, b: usize, c: usize, m: i32, k: i32, n: i32): void {
  const byRows = m >= n;
  const r0 = byRows ? shareStart(m, MR) : 0;
  const r1 = byRows ? shareEnd(m, MR) : m;
  const c0 = byRows ? 0 : shareStart(n, NR);
  const c1 = byRows ? n : shareEnd(n, NR);
  const aRow = <usize>k << 3;
  const row = <usize>n << 3;
  for (let i = r0; i < r1; i++) memory.fill(c + <usize>i * row + (<usize>c0 << 3), 0, <usize>max(0, c1 - c0) << 3);
  if (r1 > r0 && c1 > c0)
    product(r1 - r0, c1 - c0, k, 1, a + <usize>r0 * aRow, aRow, 8, b + (<usize>c0 << 3), row, 8, c + <usize>r0 * row + (<usize>c0 << 3), row);
}

/** c [n, n] = a^T a of a [m, n]: blocks of rows from the diagonal on, dealt out in turns, then copied below it. */
export function gram(a: usize, c: usize, m: i32, n: i32): void {
  const row = <usize>n << 3;
  for (let i = 0, turn = 0; i < n; i += MC, turn++) {
    // 0, 1, 1, 0, 0, 1 ...: later blocks are shorter.
    const place = turn % (2 * threads);
    if ((place < threads ? place : 2 * threads - 1 - place) != thread) continue;
    const height = min(MC, n - i);
    for (let r = 0; r < height; r++) memory.fill(c + <usize>(i + r) * row + (<usize>i << 3), 0, <usize>(n - i) << 3);
    product(height, n - i, m, 1, a + (<usize>i << 3), 8, row, a + (<usize>i << 3), row, 8, c + <usize>i * row + (<usize>i << 3), row);
  }
  barrier();
  for (let i = shareStart(n, 1), end = shareEnd(n, 1); i < end; i++)
    for (let j = 0; j < i; j++) store<f64>(c + <usize>i * row + (<usize>j << 3), load<f64>(c + <usize>j * row + (<usize>i << 3)));
}

/**
 * The lower factor of s [n, n] in its place. If a pivot is not above 0, status [2] gets its number, counted from 1, and its value,
 * and s is left unfinished.
 */
export function cholesky(s: usize, n: i32, status: usize): void {
  const row = <usize>n << 3;
  for (let from = 0; from < n; from += PANEL) {
    const size = min(PANEL, n - from);
    const panel = s + <usize>from * row;
    const left = <usize>from << 3;
    const r0 = from + shareStart(n - from, MR);
    const r1 = from + shareEnd(n - from, MR);
    if (from > 0 && r1 > r0) product(r1 - r0, size, from, -1, s + <usize>r0 * row, row, 8, panel, 8, row, s + <usize>r0 * row + left, row);
    barrier();
    if (thread == 0) {
      for (let j = 0; j < size; j++) {
        const mine = panel + <usize>j * row + left;
        const pivot = reduced(mine, mine, j, load<f64>(mine + (<usize>j << 3)));
        if (!(pivot > 0)) {
          store<f64>(status, <f64>(from + j + 1));
          store<f64>(status, pivot, 8);
          break;
        }
        const root = Math.sqrt(pivot);
        store<f64>(mine + (<usize>j << 3), root);
        for (let i = j + 1; i < size; i++) {
          const other = panel + <usize>i * row + left;
          const at = other + (<usize>j << 3);
          store<f64>(at, reduced(other, mine, j, load<f64>(at)) / root);
        }
      }
    }
    barrier();
    if (load<f64>(status) != 0) return;
    const below = from + size;
    for (let i = below + shareStart(n - below, 1), end = below + shareEnd(n - below, 1); i < end; i++) {
      const other = s + <usize>i * row + left;
      for (let j = 0; j < size; j++) {
        const mine = panel + <usize>j * row + left;
        const at = other + (<usize>j << 3);
        store<f64>(at, reduced(other, mine, j, load<f64>(at)) / load<f64>(mine + (<usize>j << 3)));
      }
    }
    barrier();
  }
  for (let i = shareStart(n, 1), end = shareEnd(n, 1); i < end; i++)
    memory.fill(s + <usize>i * row + (<usize>(i + 1) << 3), 0, <usize>(n - i - 1) << 3);
}

/** start - x . y over count numbers. */
function reduced(x: usize, y: usize, count: i32, start: f64): f64 {
  let sum = f64x2.splat(0);
  let p = 0;
  for (; p + 2 <= count; p += 2) sum = fma(v128.load(x + (<usize>p << 3)), v128.load(y + (<usize>p << 3)), sum);
  let rest = f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
  if (p < count) rest += load<f64>(x + (<usize>p << 3)) * load<f64>(y + (<usize>p << 3));
  return start - rest;
}

/** x [n, m] with s x = b, or s^T x = b if `adjoint`, in b's place; s lower triangular [n, n]. Every thread takes columns of its own. */
export function solve(s: usize, x: usize, n: i32, m: i32, adjoint: i32): void {
  const c1 = shareEnd(m, NR);
  for (let at = shareStart(m, NR); at < c1; at += NC) solveColumns(s, x + (<usize>at << 3), n, <usize>m << 3, min(NC, c1 - at), adjoint != 0);
}

function solveColumns(s: usize, x: usize, n: i32, xRow: usize, columns: i32, adjoint: bool): void {
  const row = <usize>n << 3;
  const panels = (n + PANEL - 1) / PANEL;
  for (let turn = 0; turn < panels; turn++) {
    const from = (adjoint ? panels - 1 - turn : turn) * PANEL;
    const end = min(n, from + PANEL);
    const mine = x + <usize>from * xRow;
    if (adjoint && end < n)
      product(end - from, columns, n - end, -1, s + <usize>end * row + (<usize>from << 3), 8, row, x + <usize>end * xRow, xRow, 8, mine, xRow);
    else if (!adjoint && from > 0) product(end - from, columns, from, -1, s + <usize>from * row, row, 8, x, xRow, 8, mine, xRow);
    for (let step = 0; step < end - from; step++) {
      const i = adjoint ? end - 1 - step : from + step;
      const solved = x + <usize>i * xRow;
      scaleRow(solved, columns, 1 / load<f64>(s + <usize>i * row + (<usize>i << 3)));
      const first = adjoint ? from : i + 1;
      const last = adjoint ? i : end;
      for (let p = first; p < last; p++) {
        const factor = adjoint ? load<f64>(s + <usize>i * row + (<usize>p << 3)) : load<f64>(s + <usize>p * row + (<usize>i << 3));
        if (factor != 0) addRow(x + <usize>p * xRow, solved, columns, -factor);
      }
    }
  }
}

function scaleRow(x: usize, n: i32, factor: f64): void {
  const end = x + (<usize>n << 3);
  const by = f64x2.splat(factor);
  for (; x + 16 <= end; x += 16) v128.store(x, f64x2.mul(v128.load(x), by));
  if (x < end) store<f64>(x, load<f64>(x) * factor);
}

/** x += factor y. */
function addRow(x: usize, y: usize, n: i32, factor: f64): void {
  const end = x + (<usize>n << 3);
  const by = f64x2.splat(factor);
  for (; x + 16 <= end; x += 16) {
    v128.store(x, fma(v128.load(y), by, v128.load(x)));
    y += 16;
  }
  if (x < end) store<f64>(x, load<f64>(x) + factor * load<f64>(y));
}

// Column selection: src/tensor/columnSelection.ts is the twin, and says what the letters mean. Columns lie in panels of eight, so
// that a thread streams through the rows of earlier picks: r and h are [panel][pick][8].

const LANES: i32 = 8;
const LANE_BYTES: usize = 64;

/** Words of a covariance and of a site, as wasmAlgebra.ts writes them. */
const COVARIANCE_BYTES: usize = 20;
const SITE_BYTES: usize = 20;

/**
 * @param picks [count] f64, what was picked   @param d columns, of which whole panels are there
 * @param scratch per thread and parity one slot of 2 + covariances + sites f64: score, column, pivots and norms of a thread's best
 * @param taken [columns] bytes
 * @param covariances (C, r, diagonal, floor, made), `made` of this thread is in its workspace   @param sites (covariance, G, h, norms, energy)
 */
export function selectColumns(
  picks: usize, count: i32, d: i32, scratch: usize, taken: usize, covariances: usize, covarianceCount: i32, sites: usize, siteCount: i32,
): void {
  const panels = (d + LANES - 1) / LANES;
  const p0 = shareStart(panels, 1);
  const p1 = shareEnd(panels, 1);
  const slotBytes = <usize>(2 + covarianceCount + siteCount) << 3;
  const made = workspace;
  memory.fill(made, 0, <usize>covarianceCount << 2);
  const ofR = workspace + (<usize>covarianceCount << 2 | 63) + 1;
  const ofH = ofR + (<usize>count << 3);
  for (let pick = 0; pick < count; pick++) {
    const slots = scratch + <usize>((pick & 1) * threads) * slotBytes;
    const mine = slots + <usize>thread * slotBytes;
    let best = -1;
    let bestScore: f64 = 0;
    for (let j = p0 * LANES, end = min(d, p1 * LANES); j < end; j++) {
      if (load<u8>(taken + <usize>j) != 0) continue;
      const at = <usize>j << 3;
      let score: f64 = 0;
      for (let s = 0; s < siteCount; s++) {
        const site = sites + <usize>s * SITE_BYTES;
        const energy = load<f64>(<usize>load<u32>(site, 16));
        if (energy == 0) continue;
        const covariance = covariances + <usize>load<u32>(site) * COVARIANCE_BYTES;
        const pivot = load<f64>(<usize>load<u32>(covariance, 8) + at);
        if (pivot > load<f64>(<usize>load<u32>(covariance, 12) + at)) score += max<f64>(0, load<f64>(<usize>load<u32>(site, 12) + at)) / pivot / energy;
      }
      if (best < 0 || score > bestScore) {
        best = j;
        bestScore = score;
      }
    }
    store<f64>(mine, bestScore);
    store<f64>(mine, <f64>best, 8);
    if (best >= 0) {
      const at = <usize>best << 3;
      for (let c = 0; c < covarianceCount; c++)
        store<f64>(mine + (<usize>(2 + c) << 3), load<f64>(<usize>load<u32>(covariances + <usize>c * COVARIANCE_BYTES, 8) + at));
      for (let s = 0; s < siteCount; s++)
        store<f64>(mine + (<usize>(2 + covarianceCount + s) << 3), load<f64>(<usize>load<u32>(sites + <usize>s * SITE_BYTES, 12) + at));
    }
    // One meeting a pick is enough: slots change with its parity, and everything else that is read of other threads is older.
    barrier();
    let winner: usize = 0;
    for (let t = 0; t < threads; t++) {
      const slot = slots + <usize>t * slotBytes;
      if (load<f64>(slot, 8) >= 0 && (winner == 0 || load<f64>(slot) > load<f64>(winner))) winner = slot;
    }
    const j = <i32>load<f64>(winner, 8);
    if (winner == mine) store<u8>(taken + <usize>j, 1);
    if (thread == 0) store<f64>(picks + (<usize>pick << 3), <f64>j);
    const home = <usize>(j / LANES * count) * LANE_BYTES + (<usize>(j % LANES) << 3);
    for (let c = 0; c < covarianceCount; c++) {
      const covariance = covariances + <usize>c * COVARIANCE_BYTES;
      const pivot = load<f64>(winner + (<usize>(2 + c) << 3));
      if (!(pivot > load<f64>(<usize>load<u32>(covariance, 12) + (<usize>j << 3)))) continue;
      const before = load<i32>(made + (<usize>c << 2));
      store<i32>(made + (<usize>c << 2), before + 1);
      const r = <usize>load<u32>(covariance, 4);
      for (let i = 0; i < before; i++) store<f64>(ofR + (<usize>i << 3), load<f64>(r + home + <usize>i * LANE_BYTES));
      const scale = 1 / Math.sqrt(pivot);
      const row = <usize>load<u32>(covariance) + <usize>j * (<usize>(panels * LANES) << 3);
      for (let panel = p0; panel < p1; panel++) newRow(r, row, panel, count, before, ofR, scale, <usize>load<u32>(covariance, 8));
      for (let s = 0; s < siteCount; s++) {
        const site = sites + <usize>s * SITE_BYTES;
        if (<i32>load<u32>(site) != c || load<f64>(<usize>load<u32>(site, 16)) == 0) continue;
        const h = <usize>load<u32>(site, 8);
        for (let i = 0; i < before; i++) store<f64>(ofH + (<usize>i << 3), load<f64>(h + home + <usize>i * LANE_BYTES));
        const half = load<f64>(winner + (<usize>(2 + covarianceCount + s) << 3)) / pivot / 2;
        const line = <usize>load<u32>(site, 4) + <usize>j * (<usize>(panels * LANES) << 3);
        for (let panel = p0; panel < p1; panel++)
          newTarget(h, r, line, panel, count, before, ofR, ofH, scale, half, <usize>load<u32>(site, 12));
      }
    }
  }
}

/** r of this pick in one panel, and the diagonal without it. */
function newRow(r: usize, row: usize, panel: i32, count: i32, before: i32, ofR: usize, scale: f64, diagonal: usize): void {
  const shift = <usize>panel * LANE_BYTES;
  const at = row + shift;
  let x0 = v128.load(at), x1 = v128.load(at, 16), x2 = v128.load(at, 32), x3 = v128.load(at, 48);
  let from = r + <usize>(panel * count) * LANE_BYTES;
  for (let i = 0; i < before; i++) {
    const weight = f64x2.splat(-load<f64>(ofR + (<usize>i << 3)));
    x0 = fma(weight, v128.load(from), x0);
    x1 = fma(weight, v128.load(from, 16), x1);
    x2 = fma(weight, v128.load(from, 32), x2);
    x3 = fma(weight, v128.load(from, 48), x3);
    from += LANE_BYTES;
  }
  const by = f64x2.splat(scale);
  const minus = f64x2.splat(-1);
  const to = diagonal + shift;
  x0 = f64x2.mul(x0, by);
  x1 = f64x2.mul(x1, by);
  x2 = f64x2.mul(x2, by);
  x3 = f64x2.mul(x3, by);
  v128.store(from, x0);
  v128.store(from, x1, 16);
  v128.store(from, x2, 32);
  v128.store(from, x3, 48);
  v128.store(to, fma(f64x2.mul(x0, minus), x0, v128.load(to)));
  v128.store(to, fma(f64x2.mul(x1, minus), x1, v128.load(to, 16)), 16);
  v128.store(to, fma(f64x2.mul(x2, minus), x2, v128.load(to, 32)), 32);
  v128.store(to, fma(f64x2.mul(x3, minus), x3, v128.load(to, 48)), 48);
}

/** h of this pick in one panel, and the norms without it. */
function newTarget(
  h: usize, r: usize, line: usize, panel: i32, count: i32, before: i32, ofR: usize, ofH: usize, scale: f64, half: f64, norms: usize,
): void {
  const shift = <usize>panel * LANE_BYTES;
  const at = line + shift;
  let x0 = v128.load(at), x1 = v128.load(at, 16), x2 = v128.load(at, 32), x3 = v128.load(at, 48);
  const start = <usize>(panel * count) * LANE_BYTES;
  let theirs = r + start;
  let ours = h + start;
  for (let i = 0; i < before; i++) {
    const weightR = f64x2.splat(-load<f64>(ofR + (<usize>i << 3)));
    const weightH = f64x2.splat(-load<f64>(ofH + (<usize>i << 3)));
    x0 = fma(weightH, v128.load(theirs), fma(weightR, v128.load(ours), x0));
    x1 = fma(weightH, v128.load(theirs, 16), fma(weightR, v128.load(ours, 16), x1));
    x2 = fma(weightH, v128.load(theirs, 32), fma(weightR, v128.load(ours, 32), x2));
    x3 = fma(weightH, v128.load(theirs, 48), fma(weightR, v128.load(ours, 48), x3));
    theirs += LANE_BYTES;
    ours += LANE_BYTES;
  }
  for (let lane: usize = 0; lane < LANE_BYTES; lane += 16) {
    const x = lane == 0 ? x0 : lane == 16 ? x1 : lane == 32 ? x2 : x3;
    const row = v128.load(theirs + lane);
    const target = fma(f64x2.splat(-half), row, f64x2.mul(x, f64x2.splat(scale)));
    v128.store(ours + lane, target);
    const to = norms + shift + lane;
    v128.store(to, fma(f64x2.mul(f64x2.splat(-2), row), target, v128.load(to)));
  }
}
