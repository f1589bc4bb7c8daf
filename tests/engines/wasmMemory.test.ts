import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EngineError } from '../../src/engines/engineError.ts';
import { WasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { Graph } from '../../src/graph/graph.ts';
import { scale } from '../../src/graph/ops/elementwise.ts';
import { plan } from '../../src/graph/plan.ts';
import { oddTraining } from './oddTraining.ts';

let engine: WasmEngine;
beforeAll(async () => {
  engine = await WasmEngine.create(2);
});
afterAll(() => engine.dispose());

/** Word embeddings and loss after ten steps. */
async function afterTenSteps(on: WasmEngine): Promise<number[]> {
  const program = await oddTraining(on);
  for (let step = 0; step < 10; step++) await program.run();
  const numbers = [...(await program.read('bert.embeddings.word_embeddings.weight')), ...(await program.read('loss'))];
  program.dispose();
  return numbers;
}

test('the same seed gives the same run, bit for bit', async () => {
  expect(await afterTenSteps(engine)).toEqual(await afterTenSteps(engine));
});

test('the number of threads changes nothing beyond rounding', async () => {
  const expected = await afterTenSteps(engine);
  for (const threads of [1, 3, 5]) {
    const other = await WasmEngine.create(threads);
    const got = await afterTenSteps(other);
    other.dispose();
    const worst = Math.max(...got.map((value, i) => Math.abs(value - (expected[i] ?? Number.NaN))));
    // Sums over rows are split at other places: units in the last place of float32, which AdamW's root of small second
    // moments lets grow to this share of ten updates of 1e-3.
    expect(worst, `${threads} threads`).toBeLessThan(2e-5);
  }
});

test('200 steps leave the heap and the engine where they were', async () => {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect !== 'function') throw new Error('this Node has no gc()');
  const heap = (): number => {
    Reflect.apply(collect, undefined, []);
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const program = await oddTraining(engine);
  for (let step = 0; step < 20; step++) await program.run();
  const taken = engine.memoryBytes;
  const before = heap();
  for (let step = 0; step < 200; step++) await program.run();
  const grown = heap() - before;
  program.dispose();
  expect(engine.memoryBytes).toBe(taken);
  // 200 steps of one forgotten activation each, 3 x 17 x 36 floats, would be 1.4 MB; the runner's own noise is far less.
  expect(grown).toBeLessThan(200_000);
});

test('a program that is disposed gives its memory to the next', async () => {
  (await oddTraining(engine)).dispose();
  const taken = engine.memoryBytes;
  for (let i = 0; i < 5; i++) (await oddTraining(engine)).dispose();
  expect(engine.memoryBytes).toBe(taken);
});

test('what does not fit into 4 GiB is refused when it is compiled, with its bytes and the cure', async () => {
  const graph = new Graph();
  graph.output('y', scale(graph, graph.input('x', [700, 1024, 1024]), 2));
  const refused = engine.compile(plan(graph, engine.planOptions));
  await expect(refused).rejects.toThrow(EngineError);
  await expect(refused).rejects.toThrow(/needs 5872\.0 MB .*WebAssembly holds 4295\.0 MB\. Choose what takes less memory\./);
  // The engine goes on.
  expect((await afterTenSteps(engine)).every(Number.isFinite)).toBe(true);
});

test('a page without shared memory gets one thread on the build without threads', async () => {
  const shared = Object.getOwnPropertyDescriptor(globalThis, 'SharedArrayBuffer');
  if (shared === undefined) throw new Error('Node has shared memory');
  const expected = await afterTenSteps(engine);
  Reflect.deleteProperty(globalThis, 'SharedArrayBuffer');
  try {
    const alone = await WasmEngine.create(4);
    expect(alone.describe().threads).toBe(1);
    const got = await afterTenSteps(alone);
    alone.dispose();
    expect(Math.max(...got.map((value, i) => Math.abs(value - (expected[i] ?? Number.NaN))))).toBeLessThan(2e-5);
  } finally {
    Object.defineProperty(globalThis, 'SharedArrayBuffer', shared);
  }
});
