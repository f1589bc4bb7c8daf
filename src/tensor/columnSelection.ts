import type { Matrix } from './matrix.ts';

/**
 * One thing that selected columns are to explain: second moments C [d, d] of what is read, and of its target Q the products
 * G = Q^T Q [d, d], which are all that the selection asks of it.
 */
export interface SelectionSite {
  readonly C: Matrix;
  readonly G: Matrix;
  readonly energy: number;
}

/** A pivot below this share of its start is exhausted (docs/method.md section 4). */
export const EXHAUSTED = 1e-9;

/**
 * The columns from which all others can best be reconstructed, greedily (column subset selection). Every pick takes the largest
 * sum_s |Q_s[:, j]|^2 / C_s[j, j] / energy_s and explains it away at all sites; ties go to the lower index.
 *
 * @returns `count` indices in the order picked
 */
export function selectColumns(sites: readonly SelectionSite[], count: number): number[] {
  const covariances = new Map<Matrix, Covariance>();
  const targets = sites.map((site) => {
    const covariance = covariances.get(site.C) ?? new Covariance(site.C);
    covariances.set(site.C, covariance);
    return new Target(site, covariance);
  });
  const d = sites[0]?.C.rows ?? 0;
  const picked: number[] = [];
  const taken = new Set<number>();
  while (picked.length < count) {
    const score = new Float64Array(d);
    for (const target of targets) target.addScores(score);
    let best = -1;
    for (let j = 0; j < d; j++) if (!taken.has(j) && (best < 0 || (score[j] ?? 0) > (score[best] ?? 0))) best = j;
    picked.push(best);
    taken.add(best);
    // Targets first: they read what their covariance is before the pick.
    const rows = new Map([...covariances.values()].map((covariance) => [covariance, covariance.rowOf(best)]));
    for (const target of targets) target.explain(best, rows.get(target.covariance));
    for (const [covariance, row] of rows) covariance.explain(row);
  }
  return picked;
}

/**
 * C with the picks explained away. C itself is never rewritten: a pick needs one row of it, which the rows r of earlier picks (a
 * pivoted Cholesky factor) give in O(picks d) instead of O(d^2).
 */
class Covariance {
  readonly #C: Matrix;
  readonly #diagonal: Float64Array;
  readonly #floor: Float64Array;
  readonly rows: Float64Array[] = [];

  constructor(C: Matrix) {
    this.#C = C;
    this.#diagonal = diagonalOf(C);
    this.#floor = this.#diagonal.map((x) => EXHAUSTED * x);
  }

  /** Undefined if it is exhausted. */
  pivot(j: number): number | undefined {
    const pivot = this.#diagonal[j] ?? 0;
    return pivot > (this.#floor[j] ?? 0) ? pivot : undefined;
  }

  /** r = C[j, :] / sqrt(C[j, j]), as C is now; undefined if the pivot is exhausted. */
  rowOf(j: number): Float64Array | undefined {
    const pivot = this.pivot(j);
    if (pivot === undefined) return undefined;
    const row = lineOf(this.#C, j);
    subtractRows(row, this.rows, this.rows, j);
    const root = Math.sqrt(pivot);
    return row.map((x) => x / root);
  }

  explain(row: Float64Array | undefined): void {
    if (row === undefined) return;
    row.forEach((x, k) => {
      this.#diagonal[k] = (this.#diagonal[k] ?? 0) - x * x;
    });
    this.rows.push(row);
  }
}

/**
 * A target's G with the picks explained away: Q loses w r^T, w = Q[:, j] / root, so that G loses r h^T + h r^T with
 * h = G[j, :] / root - |w|^2 r / 2.
 */
class Target {
  readonly covariance: Covariance;
  readonly #G: Matrix;
  readonly #energy: number;
  readonly #norms: Float64Array;
  readonly #h: Float64Array[] = [];

  constructor({ G, energy }: SelectionSite, covariance: Covariance) {
    this.covariance = covariance;
    this.#G = G;
    this.#energy = energy;
    this.#norms = diagonalOf(G);
  }

  /** Adds |Q[:, j]|^2 / C[j, j], as a share of the site's energy. */
  addScores(score: Float64Array): void {
    // Nothing reads it: a share of nothing would make every score NaN.
    if (this.#energy === 0) return;
    for (let j = 0; j < score.length; j++) {
      const pivot = this.covariance.pivot(j);
      if (pivot !== undefined) score[j] = (score[j] ?? 0) + Math.max(0, this.#norms[j] ?? 0) / pivot / this.#energy;
    }
  }

  /** @param row r of the pick; undefined if its pivot is exhausted */
  explain(j: number, row: Float64Array | undefined): void {
    const pivot = this.covariance.pivot(j);
    if (this.#energy === 0 || row === undefined || pivot === undefined) return;
    const line = lineOf(this.#G, j);
    subtractRows(line, this.covariance.rows, this.#h, j);
    subtractRows(line, this.#h, this.covariance.rows, j);
    const root = Math.sqrt(pivot);
    const half = (this.#norms[j] ?? 0) / pivot / 2;
    const h = line.map((x, k) => x / root - half * (row[k] ?? 0));
    h.forEach((x, k) => {
      this.#norms[k] = (this.#norms[k] ?? 0) - 2 * (row[k] ?? 0) * x;
    });
    this.#h.push(h);
  }
}

function diagonalOf(a: Matrix): Float64Array {
  return Float64Array.from({ length: a.rows }, (_, j) => a.data[j * a.columns + j] ?? 0);
}

function lineOf(a: Matrix, row: number): Float64Array {
  return a.data.slice(row * a.columns, (row + 1) * a.columns);
}

/** line -= sum_i weights_i[j] rows_i, four earlier rows at once: the line is read and written a quarter as often. */
function subtractRows(line: Float64Array, weights: readonly Float64Array[], rows: readonly Float64Array[], j: number): void {
  const none = new Float64Array(line.length);
  for (let i = 0; i < rows.length; i += 4) {
    const [a = none, b = none, c = none, d = none] = rows.slice(i, i + 4);
    const [wa = 0, wb = 0, wc = 0, wd = 0] = weights.slice(i, i + 4).map((row) => row[j] ?? 0);
    for (let k = 0; k < line.length; k++)
      line[k] = (line[k] ?? 0) - (wa * (a[k] ?? 0) + wb * (b[k] ?? 0) + wc * (c[k] ?? 0) + wd * (d[k] ?? 0));
  }
}
