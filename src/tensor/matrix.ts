import { SingularValueDecomposition, Matrix as LibraryMatrix } from 'ml-matrix';
import { addProduct, flipped, type Block } from './gemm.ts';
import { StudioError } from './studioError.ts';

/** A dense row-major matrix in float64: decompositions need the digits. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

export function matrix(rows: number, columns: number, data?: ArrayLike<number>): Matrix {
  return { rows, columns, data: data === undefined ? new Float64Array(rows * columns) : new Float64Array(data) };
}

export function identity(n: number): Matrix {
  const result = matrix(n, n);
  for (let i = 0; i < n; i++) result.data[i * n + i] = 1;
  return result;
}

/** The whole matrix, or a part of it, without a copy. */
function block(a: Matrix, row = 0, rows = a.rows, column = 0, columns = a.columns): Block {
  return { data: a.data, offset: row * a.columns + column, rows, columns, rowStep: a.columns, columnStep: 1 };
}

/** a [m, k] x b [k, n]. */
export function multiply(a: Matrix, b: Matrix): Matrix {
  const out = matrix(a.rows, b.columns);
  addProduct(block(out), block(a), block(b));
  return out;
}

export function transposed(a: Matrix): Matrix {
  const out = matrix(a.columns, a.rows);
  for (let i = 0; i < a.rows; i++) for (let j = 0; j < a.columns; j++) out.data[j * a.rows + i] = a.data[i * a.columns + j] ?? 0;
  return out;
}

/** Rows and columns by index; all of them where the list is null. */
export function select(a: Matrix, rows: readonly number[] | null, columns: readonly number[] | null): Matrix {
  const rowList = rows ?? Array.from({ length: a.rows }, (_, i) => i);
  const columnList = columns ?? Array.from({ length: a.columns }, (_, j) => j);
  const out = matrix(rowList.length, columnList.length);
  rowList.forEach((row, i) =>
    columnList.forEach((column, j) => {
      out.data[i * columnList.length + j] = a.data[row * a.columns + column] ?? 0;
    }),
  );
  return out;
}

/** A square matrix with `ratio` of its mean diagonal added to the diagonal; of zeros alone the identity. */
export function ridged(a: Matrix, ratio: number): Matrix {
  let trace = 0;
  for (let i = 0; i < a.rows; i++) trace += a.data[i * a.columns + i] ?? 0;
  const out = matrix(a.rows, a.columns, a.data);
  const ridge = trace === 0 ? 1 : (ratio * trace) / a.rows;
  for (let i = 0; i < a.rows; i++) out.data[i * a.columns + i] = (out.data[i * a.columns + i] ?? 0) + ridge;
  return out;
}

/** Columns that the factorisations finish at once; the rest of their work is matrix products. */
const PANEL = 32;

/** What a factorisation says that finds no positive pivot. */
export function notPositive(pivot: number, size: number, value: number): StudioError {
  return new StudioError(
    'calibration',
    `cholesky: pivot ${pivot} of ${size} is ${value.toExponential(2)}, expected above 0. The calibration text is too short or too uniform; give more of it.`,
  );
}

/** The lower factor S with a = S S^T. @throws StudioError if a is not positive definite */
export function cholesky(a: Matrix): Matrix {
  const n = a.rows;
  const s = matrix(n, n);
  const { data } = s;
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) data[i * n + j] = a.data[i * n + j] ?? 0;
  for (let from = 0; from < n; from += PANEL) {
    const end = Math.min(n, from + PANEL);
    if (from > 0)
      addProduct(
        block(s, from, n - from, from, end - from),
        block(s, from, n - from, 0, from),
        flipped(block(s, from, end - from, 0, from)),
        -1,
      );
    for (let j = from; j < end; j++) {
      for (let i = j; i < n; i++) {
        let sum = data[i * n + j] ?? 0;
        for (let p = from; p < j; p++) sum -= (data[i * n + p] ?? 0) * (data[j * n + p] ?? 0);
        if (i > j) data[i * n + j] = sum / (data[j * n + j] ?? 1);
        else if (sum > 0) data[j * n + j] = Math.sqrt(sum);
        else throw notPositive(j, n, sum);
      }
      // The panel's product also filled what lies above the diagonal.
      for (let i = from; i < j; i++) data[i * n + j] = 0;
    }
  }
  return s;
}

/** x with S x = b for lower triangular S; `adjoint` solves S^T x = b. */
export function solveTriangular(s: Matrix, b: Matrix, adjoint = false): Matrix {
  const n = s.rows;
  const x = matrix(b.rows, b.columns, b.data);
  const m = b.columns;
  const panels = Math.ceil(n / PANEL);
  for (let turn = 0; turn < panels; turn++) {
    const from = (adjoint ? panels - 1 - turn : turn) * PANEL;
    const end = Math.min(n, from + PANEL);
    const [known, count] = adjoint ? [end, n - end] : [0, from];
    if (count > 0) {
      const rows = adjoint ? flipped(block(s, known, count, from, end - from)) : block(s, from, end - from, known, count);
      addProduct(block(x, from, end - from), rows, block(x, known, count), -1);
    }
    for (let step = 0; step < end - from; step++) {
      const i = adjoint ? end - 1 - step : from + step;
      const pivot = s.data[i * n + i] ?? 1;
      for (let j = 0; j < m; j++) x.data[i * m + j] = (x.data[i * m + j] ?? 0) / pivot;
      for (let p = adjoint ? from : i + 1; p < (adjoint ? i : end); p++) {
        const factor = adjoint ? (s.data[i * n + p] ?? 0) : (s.data[p * n + i] ?? 0);
        if (factor === 0) continue;
        for (let j = 0; j < m; j++) x.data[p * m + j] = (x.data[p * m + j] ?? 0) - factor * (x.data[i * m + j] ?? 0);
      }
    }
  }
  return x;
}

/** x with a x = b for symmetric positive definite a. */
export function solvePositive(a: Matrix, b: Matrix): Matrix {
  const s = cholesky(a);
  return solveTriangular(s, solveTriangular(s, b), true);
}

/** a = U diag(D) V^T with D descending. */
export function singularValues(a: Matrix): { u: Matrix; d: Float64Array; v: Matrix } {
  const library = new LibraryMatrix(
    Array.from({ length: a.rows }, (_, i) => Array.from(a.data.subarray(i * a.columns, (i + 1) * a.columns))),
  );
  const svd = new SingularValueDecomposition(library, { autoTranspose: true });
  const from = (m: LibraryMatrix): Matrix => matrix(m.rows, m.columns, m.to1DArray());
  return { u: from(svd.leftSingularVectors), d: Float64Array.from(svd.diagonal), v: from(svd.rightSingularVectors) };
}
