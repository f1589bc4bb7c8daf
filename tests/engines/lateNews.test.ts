import { afterAll, beforeAll, expect, test } from 'vitest';
import { RememberedHere } from '../../src/engines/remembered.ts';
import { measureGflops } from '../../src/engines/speedTest.ts';
import type { MatmulTile } from '../../src/engines/webgpu/matmul/form.ts';
import { tileName } from '../../src/engines/webgpu/tuning/tileMemory.ts';
import { WebGpuEngine, type WebGpuOptions } from '../../src/engines/webgpu/webgpuEngine.ts';
import { Graph } from '../../src/graph/graph.ts';
import { matmul } from '../../src/graph/ops/matmul.ts';
import { plan } from '../../src/graph/plan.ts';
import { hearLate } from './lateNews.ts';
import { takeSoftwareGpu } from './softwareGpu.ts';

const TICK = 100;
let end = (): void => {};
beforeAll(async () => {
  await takeSoftwareGpu();
  end = await hearLate(TICK);
});
afterAll(() => end());

const LARGE: MatmulTile = { method: 'registers', rows: 8, columns: 8, threadsX: 4, threadsY: 1, depth: 0 };
/** One invocation a workgroup, which fills memory for itself alone: twenty times slower, whatever else the machine does. */
const SLOW: MatmulTile = { method: 'workgroup', rows: 4, columns: 4, threadsX: 1, threadsY: 1, depth: 4 };

/** Kernels that are chosen for so many products of different shapes. */
async function chosenFor(products: number, options: WebGpuOptions = {}): Promise<readonly string[]> {
  const candidates = (): readonly MatmulTile[] => [SLOW, LARGE];
  const engine = await WebGpuEngine.create({ ...options, tuning: { remembered: new RememberedHere(), milliseconds: 60_000, candidates } });
  const graph = new Graph();
  for (let i = 0; i < products; i++) {
    const [m, k, n] = [64 + 8 * i, 64, 96];
    graph.output(`c${i}`, matmul(graph, graph.input(`a${i}`, [m, k]), graph.input(`b${i}`, [k, n])));
  }
  expect(engine.latency).toBeGreaterThan(TICK / 2);
  const program = await engine.compile(plan(graph, engine.planOptions));
  program.dispose();
  const chosen = engine.measurements.map((measurement) => measurement.chosen);
  engine.dispose();
  return chosen;
}

test('measuring finds the faster kernel by the device’s clock, though the host hears of work every 100 ms', async () => {
  expect(await chosenFor(10)).toEqual(Array.from({ length: 10 }, () => tileName(LARGE)));
});

test('without such a clock, samples are long enough to tell kernels apart', async () => {
  expect(await chosenFor(1, { plain: true })).toEqual([tileName(LARGE)]);
});

test('the self-test counts work, not waiting', async () => {
  const engine = await WebGpuEngine.create();
  const late = await measureGflops(engine, 100);
  // From now on the same engine's host hears at once.
  end();
  const prompt = await measureGflops(engine, 100);
  engine.dispose();
  expect(late).toBeGreaterThan(prompt / 3);
  expect(late).toBeLessThan(prompt * 3);
});
