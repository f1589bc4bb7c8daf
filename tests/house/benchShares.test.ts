import { expect, test } from 'vitest';
import { batchedError, fmaError, FMA, flopsOf, randomMatrix, type BatchedGemm, type Problem } from '../../bench/speed/problems.ts';
import type { Row } from '../../bench/speed/report.ts';
import { sharesOf, sharesTable } from '../../bench/speed/shares.ts';

const row = (host: string, contender: string, problem: Problem, gflops: number): Row => ({
  host,
  contender,
  problem,
  detail: '',
  median: Number.NaN,
  best: flopsOf(problem) / gflops / 1e6,
  timesOurs: null,
  error: 0,
});

test('shares are of the peak and the product of the same host and contender', () => {
  const product: Problem = { kind: 'gemm', m: 1024, k: 768, n: 768 };
  const rows = [
    row('Chromium', 'FMA peak webgpu', { kind: 'fma' }, 20),
    row('Chromium', 'WID Studio cpu', product, 100),
    row('Chromium', 'WID Studio webgpu', product, 4),
    row('Chromium', 'jax-js webgpu', product, 2),
    row('Chromium', 'WID Studio webgpu', { kind: 'step' }, 3),
    row('Node', 'WID Studio webgpu', product, 4),
  ];
  const shares = sharesOf(rows);
  expect(shares.map(({ contender, problem }) => `${contender}: ${problem}`)).toEqual([
    'WID Studio webgpu: matmul 1024 x 768 x 768',
    'jax-js webgpu: matmul 1024 x 768 x 768',
    'WID Studio webgpu: training step, 16 x 128 tokens, 304 masked',
  ]);
  expect(shares.map(({ ofPeak }) => Math.round(1000 * ofPeak))).toEqual([200, 100, 150]);
  expect(shares[2]?.ofProduct).toBeCloseTo(0.75, 10);
  expect(sharesTable(shares)).toContain('| 3.0 | 15 % | 75 % |');
});

test('a batch with one wrong product is not timed, nor are fused multiply-adds that were left out', () => {
  const problem: BatchedGemm = { kind: 'batched', batch: 3, m: 4, k: 5, n: 6 };
  const a = randomMatrix(12, 5, 1);
  const b = randomMatrix(15, 6, 2);
  const c = new Float32Array(3 * 4 * 6);
  for (let p = 0; p < 3; p++)
    for (let i = 0; i < 4; i++)
      for (let j = 0; j < 6; j++)
        for (let k = 0; k < 5; k++)
          c[p * 24 + i * 6 + j] = (c[p * 24 + i * 6 + j] ?? 0) + (a[p * 20 + i * 5 + k] ?? 0) * (b[p * 30 + k * 6 + j] ?? 0);
  expect(batchedError(problem, a, b, c)).toBeLessThan(1e-6);
  c[40] = (c[40] ?? 0) + 1;
  expect(batchedError(problem, a, b, c)).toBeGreaterThan(1e-3);

  const chain = (sums: number, steps: number): number[] => [
    sums,
    ...Array.from({ length: FMA.threads }, (_, id) => {
      const x = Math.fround(Math.fround(id * 1e-9) + Math.fround(0.999));
      let total = 0;
      for (let s = 0; s < sums; s++) {
        let value = s;
        for (let k = 0; k < steps; k++) value = value * x + 1e-6;
        total += value;
      }
      return total;
    }),
  ];
  const sums = 32;
  const steps = (FMA.rounds * FMA.products) / sums;
  expect(fmaError(chain(sums, steps))).toBeLessThan(1e-9);
  expect(fmaError(chain(sums, steps / 2))).toBeGreaterThan(1e-2);
  expect(fmaError(new Float32Array(FMA.threads + 1))).toBe(Infinity);
});
