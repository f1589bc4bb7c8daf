import type { Algebra } from '../tensor/algebra.ts';
import type { SelectionSite } from '../tensor/columnSelection.ts';
import type { Matrix } from '../tensor/matrix.ts';

/** What the matrix W [t, d] sees of a read with second moments C: Q = W C, energy tr(W C W^T). W null: the stream itself. */
export function selectionSite(algebra: Algebra, C: Matrix, W: Matrix | null): SelectionSite {
  if (W === null) return { C, G: algebra.gram(C), energy: C.data.reduce((sum, x, at) => (at % (C.columns + 1) === 0 ? sum + x : sum), 0) };
  if (W.rows > W.columns) return gramSite(algebra, C, algebra.gram(W));
  const Q = algebra.multiply(W, C);
  return { C, G: algebra.gram(Q), energy: dot(Q, W) };
}

/** The same for a W of which W^T W [d, d] is known: G = C W^T W C. */
export function gramSite(algebra: Algebra, C: Matrix, gram: Matrix): SelectionSite {
  const seen = algebra.multiply(gram, C);
  return { C, G: algebra.multiply(C, seen), energy: dot(C, gram) };
}

function dot(a: Matrix, b: Matrix): number {
  return a.data.reduce((sum, x, at) => sum + x * (b.data[at] ?? 0), 0);
}
