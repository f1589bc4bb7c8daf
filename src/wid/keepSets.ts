import { cholesky, matrix, multiply, ridged, transposed, type Matrix } from '../tensor/matrix.ts';

/** A site of the greedy selection: its covariance C [d, d], its target cross-covariance Q [t, d], its energy. */
export interface SelectionSite {
  readonly C: Matrix;
  readonly Q: Matrix;
  readonly energy: number;
}

/** A pivot below this share of its start is exhausted (docs/method.md section 4). */
const EXHAUSTED = 1e-9;

/** Below this share of the mean diagonal, a root of W^T W does not resolve it. */
const ROOT_RIDGE = 1e-12;

/**
 * What the matrix W [t, d] sees of a read with second moments C: Q = W C, energy tr(W C W^T). W null: the stream itself.
 * The selection knows Q by |Q[:,j]| alone, so that a W with more rows than columns is replaced by a root of W^T W.
 */
export function selectionSite(C: Matrix, given: Matrix | null): SelectionSite {
  const W = given !== null && given.rows > given.columns ? rootOf(multiply(transposed(given), given)) : given;
  const Q = W === null ? C : multiply(W, C);
  let energy = 0;
  for (let i = 0; i < Q.rows; i++) {
    if (W === null) energy += C.data[i * C.columns + i] ?? 0;
    else for (let j = 0; j < Q.columns; j++) energy += (Q.data[i * Q.columns + j] ?? 0) * (W.data[i * W.columns + j] ?? 0);
  }
  return { C, Q, energy };
}

/** Any root X with X^T X = gram. */
export function rootOf(gram: Matrix): Matrix {
  if (gram.data.every((x) => x === 0)) return gram;
  return transposed(cholesky(ridged(gram, ROOT_RIDGE)));
}

/**
 * The dimensions from which all others can best be reconstructed, greedily (column subset selection).
 * Every pick takes the largest sum_s |Q_s[:,j]|^2 / C_s[j,j] / energy_s and deflates all sites; ties go to the lower index.
 *
 * @returns `count` indices in the order picked
 */
export function greedySelection(sites: readonly SelectionSite[], count: number): number[] {
  const states = sites.map((site) => new DeflatedSite(site));
  const d = sites[0]?.C.rows ?? 0;
  const picked: number[] = [];
  const taken = new Set<number>();
  while (picked.length < count) {
    const score = new Float64Array(d);
    for (const site of states) site.addScores(score);
    let best = -1;
    for (let j = 0; j < d; j++) if (!taken.has(j) && (best < 0 || (score[j] ?? 0) > (score[best] ?? 0))) best = j;
    picked.push(best);
    taken.add(best);
    for (const site of states) site.deflate(best);
  }
  return picked;
}

/**
 * C and Q with the picked dimensions explained away. C itself is never rewritten: a pick needs one row of it, which
 * the rows of earlier picks (a pivoted Cholesky factor) give in O(picks x d) instead of O(d^2).
 */
class DeflatedSite {
  readonly #C: Matrix;
  readonly #Q: Matrix;
  readonly #energy: number;
  readonly #diagonal: Float64Array;
  readonly #floor: Float64Array;
  readonly #norms: Float64Array;
  readonly #factor: Float64Array[] = [];

  constructor({ C, Q, energy }: SelectionSite) {
    const d = C.rows;
    this.#C = C;
    this.#Q = matrix(Q.rows, d, Q.data);
    this.#energy = energy;
    this.#diagonal = Float64Array.from({ length: d }, (_, j) => C.data[j * d + j] ?? 0);
    this.#floor = this.#diagonal.map((x) => EXHAUSTED * x);
    this.#norms = new Float64Array(d);
    for (let i = 0; i < Q.rows; i++) for (let j = 0; j < d; j++) this.#norms[j] = (this.#norms[j] ?? 0) + (Q.data[i * d + j] ?? 0) ** 2;
  }

  /** Adds |Q[:,j]|^2 / C[j,j], as a share of the site's energy. */
  addScores(score: Float64Array): void {
    // Nothing reads it: a share of nothing would make every score NaN.
    if (this.#energy === 0) return;
    for (let j = 0; j < score.length; j++) {
      const pivot = this.#diagonal[j] ?? 0;
      if (pivot > (this.#floor[j] ?? 0)) score[j] = (score[j] ?? 0) + (this.#norms[j] ?? 0) / pivot / this.#energy;
    }
  }

  deflate(j: number): void {
    const pivot = this.#diagonal[j] ?? 0;
    if (pivot <= (this.#floor[j] ?? 0)) return;
    const d = this.#C.rows;
    const root = Math.sqrt(pivot);
    const row = this.#C.data.slice(j * d, (j + 1) * d);
    subtractRows(row, this.#factor, j);
    for (let k = 0; k < d; k++) row[k] = (row[k] ?? 0) / root;
    for (let k = 0; k < d; k++) this.#diagonal[k] = (this.#diagonal[k] ?? 0) - (row[k] ?? 0) ** 2;
    this.#factor.push(row);
    deflateRows(this.#Q, this.#norms, row, j, root);
  }
}

/** Q -= Q[:,j] row / root and the new norms of its columns, four rows at once: the norms are read and written a quarter as often. */
function deflateRows({ rows, columns: d, data }: Matrix, norms: Float64Array, row: Float64Array, j: number, root: number): void {
  norms.fill(0);
  let at = 0;
  for (let i = 0; i + 4 <= rows; i += 4, at += 4 * d) {
    const [a, b, c, e] = [at, at + d, at + 2 * d, at + 3 * d];
    const wa = (data[a + j] ?? 0) / root;
    const wb = (data[b + j] ?? 0) / root;
    const wc = (data[c + j] ?? 0) / root;
    const we = (data[e + j] ?? 0) / root;
    for (let k = 0; k < d; k++) {
      const r = row[k] ?? 0;
      const x = (data[a + k] ?? 0) - wa * r;
      const y = (data[b + k] ?? 0) - wb * r;
      const z = (data[c + k] ?? 0) - wc * r;
      const w = (data[e + k] ?? 0) - we * r;
      data[a + k] = x;
      data[b + k] = y;
      data[c + k] = z;
      data[e + k] = w;
      norms[k] = (norms[k] ?? 0) + (x * x + y * y + z * z + w * w);
    }
  }
  for (; at < data.length; at += d) {
    const weight = (data[at + j] ?? 0) / root;
    for (let k = 0; k < d; k++) {
      const rest = (data[at + k] ?? 0) - weight * (row[k] ?? 0);
      data[at + k] = rest;
      norms[k] = (norms[k] ?? 0) + rest * rest;
    }
  }
}

/** row -= sum_i factor_i[j] factor_i, four earlier rows at once: the row is read and written a quarter as often. */
function subtractRows(row: Float64Array, factor: readonly Float64Array[], j: number): void {
  const none = new Float64Array(row.length);
  for (let i = 0; i < factor.length; i += 4) {
    const [a = none, b = none, c = none, d = none] = factor.slice(i, i + 4);
    const [wa, wb, wc, wd] = [a[j] ?? 0, b[j] ?? 0, c[j] ?? 0, d[j] ?? 0];
    for (let k = 0; k < row.length; k++)
      row[k] = (row[k] ?? 0) - (wa * (a[k] ?? 0) + wb * (b[k] ?? 0) + wc * (c[k] ?? 0) + wd * (d[k] ?? 0));
  }
}
