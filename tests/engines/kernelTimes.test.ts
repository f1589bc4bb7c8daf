import { beforeAll, expect, test } from 'vitest';
import { EngineError } from '../../src/engines/engineError.ts';
import { WebGpuEngine } from '../../src/engines/webgpu/webgpuEngine.ts';
import type { WebGpuProgram } from '../../src/engines/webgpu/webgpuProgram.ts';
import { Graph } from '../../src/graph/graph.ts';
import { assign, scale } from '../../src/graph/ops/elementwise.ts';
import { matmul } from '../../src/graph/ops/matmul.ts';
import { plan } from '../../src/graph/plan.ts';
import { takeSoftwareGpu } from './softwareGpu.ts';

beforeAll(takeSoftwareGpu);

const LARGE = 384;

/** A large product beside more small ones than are timed at once, and a state that counts runs in powers of two. */
function program(engine: WebGpuEngine): Promise<WebGpuProgram> {
  const graph = new Graph();
  graph.output('large', matmul(graph, graph.input('a', [LARGE, LARGE]), graph.input('b', [LARGE, LARGE])));
  let small = graph.input('x', [16]);
  for (let i = 0; i < 80; i++) small = scale(graph, small, 1.01);
  graph.output('small', small);
  const runs = graph.state('runs', [1]);
  assign(graph, runs, scale(graph, runs, 2));
  return engine.compile(plan(graph, engine.planOptions));
}

test('every kernel is timed by the GPU’s clock, a large product far longer than the rest, and the busy share is theirs of an ordinary run', async ({
  skip,
}) => {
  const engine = await WebGpuEngine.create({ timestamps: true });
  skip(!engine.timestamps, 'this adapter has no timestamps');
  const timed = await program(engine);
  timed.write('runs', Float32Array.of(1));
  const { kernels, milliseconds, busyShare } = await timed.times();
  expect(kernels).toHaveLength(timed.dispatchCount);
  const product = kernels.find(({ label }) => /^matmul .*\[384, 384\]/.test(label));
  expect(product?.flops).toBe(2 * LARGE ** 3);
  const others = kernels.filter((kernel) => kernel !== product).map((kernel) => kernel.milliseconds);
  const middle = others.toSorted((a, b) => a - b)[others.length / 2 - 1] ?? Infinity;
  expect(product?.milliseconds).toBeGreaterThan(5 * middle);
  const sum = kernels.reduce((total, kernel) => total + kernel.milliseconds, 0);
  expect(busyShare).toBeCloseTo(Math.min(1, sum / milliseconds), 10);
  expect(busyShare).toBeGreaterThan(0);
  // Two runs to get going, three on the wall clock, one on the GPU's: what was timed is the program itself.
  expect(await timed.read('runs')).toEqual(Float32Array.of(2 ** 6));
  engine.dispose();
});

test('an engine that was made without timestamps says what to do', async () => {
  const engine = await WebGpuEngine.create();
  expect(engine.timestamps).toBe(false);
  const untimed = await program(engine);
  await expect(untimed.times()).rejects.toThrow(EngineError);
  await expect(untimed.times()).rejects.toThrow(/timestamp-query.*Make the engine with timestamps/);
  engine.dispose();
});
