import { NO_NORM_LIMIT } from '../../src/graph/operation.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Engine } from '../../src/engines/engine.ts';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import { WasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { WebGpuEngine } from '../../src/engines/webgpu/webgpuEngine.ts';
import { oddTraining } from './oddTraining.ts';
import { takeSoftwareGpu } from './softwareGpu.ts';

const STEPS = 20;
const WATCHED = [
  'bert.embeddings.word_embeddings.weight',
  'bert.encoder.layer.1.attention.self.query.weight',
  'bert.encoder.layer.0.output.dense.weight',
  'cls.predictions.bias',
];

interface Course {
  readonly losses: readonly number[];
  readonly norms: readonly number[];
  readonly weights: ReadonlyMap<string, Float32Array>;
}

async function train(engine: Engine): Promise<Course> {
  const program = await oddTraining(engine);
  const losses: number[] = [];
  const norms: number[] = [];
  for (let step = 1; step <= STEPS; step++) {
    program.write('settings', Float32Array.of(1e-3, 0.9, 0.999, 1e-8, 1 - 0.9 ** step, 1 - 0.999 ** step, 1, NO_NORM_LIMIT));
    await program.run();
    losses.push((await program.read('loss'))[0] ?? Number.NaN);
    norms.push((await program.read('norm'))[0] ?? Number.NaN);
  }
  const weights = new Map<string, Float32Array>();
  for (const name of WATCHED) weights.set(name, await program.read(name));
  program.dispose();
  return { losses, norms, weights };
}

let expected: Course;
beforeAll(async () => {
  expected = await train(new ReferenceEngine());
  await takeSoftwareGpu();
});

test('the reference engine learns', () => {
  expect(expected.losses.at(-1)).toBeLessThan(0.9 * (expected.losses[0] ?? 0));
});

test.each([
  ['cpu', (): Promise<Engine> => WasmEngine.create(2)],
  ['webgpu', (): Promise<Engine> => WebGpuEngine.create()],
  ['webgpu at default limits', (): Promise<Engine> => WebGpuEngine.create({ plain: true })],
] as const)('%s stays within rounding of the reference engine over 20 steps', async (_, create) => {
  const engine = await create();
  afterAll(() => engine.dispose());
  const got = await train(engine);
  const farthest = (values: readonly number[], truth: readonly number[]): number =>
    Math.max(...truth.map((x, i) => Math.abs((values[i] ?? Number.NaN) - x) / Math.abs(x)));
  // Float32 against float64: sums of up to 61 products, each a few units of 6e-8 off.
  expect(farthest(got.losses, expected.losses)).toBeLessThan(3e-6);
  expect(farthest(got.norms, expected.norms)).toBeLessThan(1e-5);
  // Twenty updates of 1e-3 at most. AdamW divides a gradient by its own size, so that rounding shows where it is nearly 0.
  for (const [name, truth] of expected.weights) {
    const values = got.weights.get(name) ?? new Float32Array();
    const worst = truth.reduce((most, x, i) => Math.max(most, Math.abs(x - (values[i] ?? Number.NaN))), 0);
    expect(worst, name).toBeLessThan(5e-6);
  }
});
