import { expect, test } from 'vitest';
import { Contest } from '../../bench/speed/contest.ts';
import { ownContender } from '../../bench/speed/contenders/own.ts';
import type { Contender, StartContender } from '../../bench/speed/contender.ts';
import { LocalBooth } from '../../bench/speed/measure.ts';
import { BATCH, BERT, flopsOf, productError, randomMatrix, type Gemm } from '../../bench/speed/problems.ts';
import { runPytorch } from '../../bench/speed/pytorch.ts';
import { table } from '../../bench/speed/report.ts';
import { WasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { plan } from '../../src/graph/plan.ts';
import { weightTraining } from '../../src/training/trainingGraph.ts';
import { maskedWords } from '../../src/tasks/maskedWords.ts';

const SMALL: Gemm = { kind: 'gemm', m: 33, k: 20, n: 17 };

function product({ m, k, n }: Gemm): Float32Array {
  const [a, b] = [randomMatrix(m, k, 1), randomMatrix(k, n, 2)];
  return Float32Array.from({ length: m * n }, (_, at) => {
    let sum = 0;
    for (let p = 0; p < k; p++) sum += (a[Math.floor(at / n) * k + p] ?? 0) * (b[p * n + (at % n)] ?? 0);
    return sum;
  });
}

/** Computes nothing, and gives these numbers out as its product. */
function claiming(output: Float32Array): StartContender {
  const contender: Contender = {
    detail: 'made up',
    prepare: () => Promise.resolve({ run: () => Promise.resolve(), output: () => Promise.resolve(output), dispose: () => {} }),
  };
  return () => Promise.resolve(contender);
}

test('the check of products sees a single wrong entry, a missing one and a NaN', () => {
  const [a, b] = [randomMatrix(33, 20, 1), randomMatrix(20, 17, 2)];
  const right = product(SMALL);
  expect(productError(SMALL, a, b, right)).toBeLessThan(1e-6);
  expect(
    productError(
      SMALL,
      a,
      b,
      right.map((x, i) => (i === 300 ? x + 0.01 : x)),
    ),
  ).toBeGreaterThan(1e-5);
  expect(
    productError(
      SMALL,
      a,
      b,
      right.map((x, i) => (i === 300 ? Number.NaN : x)),
    ),
  ).toBe(Infinity);
  expect(productError(SMALL, a, b, right.subarray(1))).toBe(Infinity);
});

test('who computes wrongly is not timed; who computes rightly has a line with its ratio', async () => {
  const starts = new Map<string, StartContender>([
    ['ours', async () => ownContender(await WasmEngine.create(1))],
    ['honest', claiming(product(SMALL))],
    ['wrong', claiming(product(SMALL).map((x) => x * 1.01))],
    ['absent', () => Promise.reject(new Error('not here'))],
  ]);
  const contest = new Contest([SMALL], 1, 2, 5);
  const rows = await contest.hold('Node', [...starts.keys()], 'ours', (name) =>
    Promise.resolve(new LocalBooth(starts.get(name) ?? (() => Promise.reject(new Error(name))))),
  );
  expect(rows.map(({ contender }) => contender)).toEqual(['ours', 'honest']);
  expect(rows.map(({ timesOurs }) => timesOurs === null)).toEqual([true, false]);
  for (const { median, best } of rows) expect(median).toBeGreaterThanOrEqual(best);
  expect(table(rows).split('\n')).toHaveLength(4);
});

test('the cost of a step is that of its products', () => {
  const { graph } = weightTraining(BERT, { task: maskedWords, ...BATCH }, 0.01);
  const products = plan(graph).nodes.filter(({ operation }) => operation.kind === 'matmul');
  expect(flopsOf({ kind: 'step' })).toBe(products.reduce((sum, { flops }) => sum + flops, 0));
});

test('a Python without torch is told apart', () => {
  expect(runPytorch('/nowhere/python3', 1, 1)).toBeNull();
});
