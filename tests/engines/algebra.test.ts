import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { plainAlgebra, type LentAlgebra } from '../../src/tensor/algebra.ts';
import type { SelectionSite } from '../../src/tensor/columnSelection.ts';
import { matrix, transposed, type Matrix } from '../../src/tensor/matrix.ts';
import { Random } from '../../src/tensor/random.ts';
import { relativeError } from '../../src/engines/conformance/relativeError.ts';

/** Sums of float64 in another order, and fused or not. */
const TOLERANCE = 1e-11;

function randomMatrix(rows: number, columns: number, seed: number): Matrix {
  const random = new Random(seed);
  return matrix(
    rows,
    columns,
    Float64Array.from({ length: rows * columns }, () => random.normal()),
  );
}

function moments(d: number, tokens: number, seed: number): Matrix {
  const x = randomMatrix(tokens, d, seed);
  for (let i = 0; i < tokens; i++) for (let j = 0; j < d; j++) x.data[i * d + j] = (x.data[i * d + j] ?? 0) * (1 + (j % 7));
  return plainAlgebra.gram(x);
}

/** A target that sees C through t random rows. */
function site(C: Matrix, t: number, seed: number): SelectionSite {
  const W = randomMatrix(t, C.rows, seed);
  const Q = plainAlgebra.multiply(W, C);
  return { C, G: plainAlgebra.gram(Q), energy: Q.data.reduce((sum, x, i) => sum + x * (W.data[i] ?? 0), 0) };
}

describe.each([
  { name: '1 thread', threads: 1, relaxed: undefined },
  { name: '2 threads', threads: 2, relaxed: undefined },
  { name: '3 threads, plain SIMD', threads: 3, relaxed: false },
])('algebra on the CPU engine agrees with its slow twin: $name', ({ threads, relaxed }) => {
  let engine: WasmEngine;
  let algebra: LentAlgebra;
  beforeAll(async () => {
    engine = await WasmEngine.create(threads, relaxed);
    algebra = await engine.algebra();
  });
  afterAll(() => {
    algebra.dispose();
    engine.dispose();
  });

  test.each([
    [1, 1, 1],
    [3, 5, 2],
    [4, 128, 4],
    [101, 131, 7],
    [5, 300, 515],
  ])('[%d, %d] x [.., %d], and their grams', (m, k, n) => {
    const [a, b] = [randomMatrix(m, k, 1), randomMatrix(k, n, 2)];
    expect(relativeError(algebra.multiply(a, b).data, plainAlgebra.multiply(a, b).data)).toBeLessThan(TOLERANCE);
    expect(relativeError(algebra.gram(b).data, plainAlgebra.gram(b).data)).toBeLessThan(TOLERANCE);
  });

  test.each([1, 5, 64, 65, 200])('factor and solve of side %d', (n) => {
    const a = moments(n, 2 * n + 3, n);
    const b = randomMatrix(n, n + 3, 3);
    const factor = algebra.cholesky(a);
    expect(relativeError(factor.data, plainAlgebra.cholesky(a).data)).toBeLessThan(TOLERANCE);
    for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) expect(factor.data[i * n + j]).toBe(0);
    expect(relativeError(algebra.solvePositive(a, b).data, plainAlgebra.solvePositive(a, b).data)).toBeLessThan(TOLERANCE);
  });

  test('a matrix that is not positive definite is refused by its pivot, and the next one is solved', () => {
    const a = moments(80, 200, 5);
    const bad = matrix(80, 80, a.data);
    bad.data[75 * 80 + 75] = -1;
    expect(() => algebra.cholesky(bad)).toThrow('cholesky: pivot 75 of 80');
    expect(() => algebra.solvePositive(bad, a)).toThrow('cholesky: pivot 75 of 80');
    expect(relativeError(algebra.cholesky(a).data, plainAlgebra.cholesky(a).data)).toBeLessThan(TOLERANCE);
  });

  // 13 columns: one panel and a part; 3 of the 40 columns are copies, so that pivots are exhausted; a target of no energy has no say.
  test.each([
    [13, 13],
    [40, 40],
    [70, 33],
  ])('%d columns, %d of them picked', (d, count) => {
    const C = moments(d, 3 * d, 7);
    const other = moments(d, 3 * d, 8);
    if (d === 40)
      for (const copy of [30, 31, 39]) {
        for (let j = 0; j < d; j++) C.data[copy * d + j] = C.data[(copy - 27) * d + j] ?? 0;
        for (let j = 0; j < d; j++) C.data[j * d + copy] = C.data[j * d + copy - 27] ?? 0;
      }
    const sites = [site(C, 9, 1), site(C, 2 * d, 2), site(other, d, 3), { C: other, G: matrix(d, d), energy: 0 }];
    const picked = algebra.selectColumns(sites, count);
    expect(picked).toEqual(plainAlgebra.selectColumns(sites, count));
    expect(new Set(picked).size).toBe(count);
    // Not the lowest indices by chance.
    expect(picked).not.toEqual(Array.from({ length: count }, (_, i) => i));
    expect(transposed(C).data).toEqual(C.data);
  });
});
