import { matrix, multiply, type Matrix } from '../tensor/matrix.ts';

/** A site of the greedy selection: its covariance C [d, d], its target cross-covariance Q [t, d], its energy. */
export interface SelectionSite {
  readonly C: Matrix;
  readonly Q: Matrix;
  readonly energy: number;
}

/** A pivot below this share of its start is exhausted (wid.md section 4). */
const EXHAUSTED = 1e-9;

/** What the matrix W [t, d] sees of a read with second moments C: Q = W C, energy tr(W C W^T). W null: the stream itself. */
export function selectionSite(C: Matrix, W: Matrix | null): SelectionSite {
  const Q = W === null ? C : multiply(W, C);
  let energy = 0;
  for (let i = 0; i < Q.rows; i++) {
    if (W === null) energy += C.data[i * C.columns + i] ?? 0;
    else for (let j = 0; j < Q.columns; j++) energy += (Q.data[i * Q.columns + j] ?? 0) * (W.data[i * W.columns + j] ?? 0);
  }
  return { C, Q, energy };
}

/**
 * The dimensions from which all others can best be reconstructed, greedily (column subset selection).
 * Every pick takes the largest sum_s |Q_s[:,j]|^2 / C_s[j,j] / energy_s and deflates all sites; ties go to the lower index.
 *
 * @returns `count` indices in the order picked
 */
export function greedySelection(given: readonly SelectionSite[], count: number): number[] {
  const sites = given.map(({ C, Q, energy }) => {
    const diagonal = Float64Array.from({ length: C.rows }, (_, j) => C.data[j * C.columns + j] ?? 0);
    // |Q[:,j]|^2 is kept up to date by its own deflation, so a pick costs one pass over C and Q.
    return { C: matrix(C.rows, C.columns, C.data), Q: matrix(Q.rows, Q.columns, Q.data), energy, start: diagonal };
  });
  const d = sites[0]?.C.rows ?? 0;
  const picked: number[] = [];
  const taken = new Set<number>();
  while (picked.length < count) {
    const score = new Float64Array(d);
    for (const { C, Q, energy, start } of sites) {
      const norms = new Float64Array(d);
      for (let i = 0; i < Q.rows; i++) for (let j = 0; j < d; j++) norms[j] = (norms[j] ?? 0) + (Q.data[i * d + j] ?? 0) ** 2;
      for (let j = 0; j < d; j++) {
        const pivot = C.data[j * d + j] ?? 0;
        if (pivot > EXHAUSTED * (start[j] ?? 0)) score[j] = (score[j] ?? 0) + (norms[j] ?? 0) / pivot / energy;
      }
    }
    let best = -1;
    for (let j = 0; j < d; j++) if (!taken.has(j) && (best < 0 || (score[j] ?? 0) > (score[best] ?? 0))) best = j;
    picked.push(best);
    taken.add(best);
    for (const { C, Q, start } of sites) deflate(C, Q, best, EXHAUSTED * (start[best] ?? 0));
  }
  return picked;
}

function deflate(C: Matrix, Q: Matrix, j: number, floor: number): void {
  const d = C.rows;
  const pivot = C.data[j * d + j] ?? 0;
  if (pivot <= floor) return;
  const row = C.data.slice(j * d, (j + 1) * d);
  for (const target of [Q, C])
    for (let i = 0; i < target.rows; i++) {
      const factor = (target.data[i * d + j] ?? 0) / pivot;
      if (factor === 0) continue;
      const base = i * d;
      for (let k = 0; k < d; k++) target.data[base + k] = (target.data[base + k] ?? 0) - factor * (row[k] ?? 0);
    }
}
