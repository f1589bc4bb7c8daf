import { selectColumns, type SelectionSite } from './columnSelection.ts';
import { cholesky, multiply, solvePositive, transposed, type Matrix } from './matrix.ts';

/** Dense algebra in float64 on matrices that are too large for plain TypeScript to be quick with. */
export interface Algebra {
  /** a [m, k] x b [k, n]. */
  multiply(a: Matrix, b: Matrix): Matrix;
  /** a^T a [n, n] of a [m, n]. */
  gram(a: Matrix): Matrix;
  /** The lower factor S with a = S S^T. @throws StudioError if a is not positive definite */
  cholesky(a: Matrix): Matrix;
  /** x with a x = b for symmetric positive definite a. @throws StudioError if it is not */
  solvePositive(a: Matrix, b: Matrix): Matrix;
  /** The columns from which all others can best be reconstructed (columnSelection.ts). */
  selectColumns(sites: readonly SelectionSite[], count: number): number[];
}

/** Algebra that its borrower gives back. */
export interface LentAlgebra extends Algebra {
  dispose(): void;
}

/** The slow twin, of plain TypeScript. */
export const plainAlgebra: Algebra = {
  multiply,
  gram: (a) => multiply(transposed(a), a),
  cholesky,
  solvePositive,
  selectColumns,
};
