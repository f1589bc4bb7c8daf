import { describe, expect, test } from 'vitest';
import { cholesky, matrix, multiply, solvePositive, solveTriangular, transposed, type Matrix } from '../../src/tensor/matrix.ts';
import { Random } from '../../src/tensor/random.ts';

function randomMatrix(rows: number, columns: number, seed: number): Matrix {
  const random = new Random(seed);
  return matrix(
    rows,
    columns,
    Float64Array.from({ length: rows * columns }, () => random.normal()),
  );
}

/** The slow twin: a triple loop. */
function product(a: Matrix, b: Matrix): Matrix {
  const out = matrix(a.rows, b.columns);
  for (let i = 0; i < a.rows; i++)
    for (let j = 0; j < b.columns; j++)
      for (let p = 0; p < a.columns; p++)
        out.data[i * b.columns + j] =
          (out.data[i * b.columns + j] ?? 0) + (a.data[i * a.columns + p] ?? 0) * (b.data[p * b.columns + j] ?? 0);
  return out;
}

function difference(a: Matrix, b: Matrix): number {
  return a.data.reduce((most, x, i) => Math.max(most, Math.abs(x - (b.data[i] ?? Number.NaN))), 0);
}

function positive(n: number): Matrix {
  const a = randomMatrix(n, n + 3, n);
  const gram = product(a, transposed(a));
  for (let i = 0; i < n; i++) gram.data[i * n + i] = (gram.data[i * n + i] ?? 0) + n;
  return gram;
}

describe('dense algebra against triple loops, sizes below, at and above tiles, panels and depth', () => {
  test.each([
    [1, 1, 1],
    [3, 5, 2],
    [4, 256, 4],
    [33, 300, 7],
    [65, 31, 129],
  ])('[%d, %d] x [.., %d]', (m, k, n) => {
    const [a, b] = [randomMatrix(m, k, 1), randomMatrix(k, n, 2)];
    // Sums of k products of normal numbers in another order: rounding grows with sqrt(k).
    expect(difference(multiply(a, b), product(a, b))).toBeLessThan(1e-14 * k);
  });

  test.each([1, 5, 32, 33, 64, 101])('cholesky and solves of side %d', (n) => {
    const a = positive(n);
    const s = cholesky(a);
    for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) expect(s.data[i * n + j]).toBe(0);
    expect(difference(product(s, transposed(s)), a)).toBeLessThan(1e-12 * n);
    const b = randomMatrix(n, 9, 3);
    expect(difference(product(s, solveTriangular(s, b)), b)).toBeLessThan(1e-12 * n);
    expect(difference(product(transposed(s), solveTriangular(s, b, true)), b)).toBeLessThan(1e-12 * n);
    expect(difference(product(a, solvePositive(a, b)), b)).toBeLessThan(1e-12 * n);
  });

  test('a matrix that is not positive definite is refused by its pivot', () => {
    const a = positive(40);
    a.data[35 * 40 + 35] = -1;
    expect(() => cholesky(a)).toThrow('cholesky: pivot 35 of 40');
  });
});
