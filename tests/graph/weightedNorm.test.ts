import { expect, test } from 'vitest';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import { Graph } from '../../src/graph/graph.ts';
import { layerNorm } from '../../src/graph/ops/layerNorm.ts';
import { weightedNorm } from '../../src/graph/ops/weightedNorm.ts';
import { plan } from '../../src/graph/plan.ts';
import { randomFloats } from '../../src/engines/conformance/operationCases.ts';

const ROWS = 3;
const WIDTH = 6;

/** weightedNorm and layerNorm of the same numbers, in float64. */
async function both(weights: readonly number[], x: Float32Array): Promise<{ weighted: Float32Array; plain: Float32Array }> {
  const graph = new Graph();
  const given = (name: string, shape: readonly number[]): ReturnType<typeof graph.input> => graph.input(name, shape);
  const [value, gain, shift] = [given('x', [ROWS, WIDTH]), given('gain', [WIDTH]), given('shift', [WIDTH])];
  graph.output('weighted', weightedNorm(graph, value, gain, shift, given('weights', [WIDTH]), given('one', [1]), 1e-5));
  graph.output('plain', layerNorm(graph, value, gain, shift, 1e-5));
  const program = await new ReferenceEngine().compile(plan(graph));
  program.write('x', x);
  program.write('gain', randomFloats([WIDTH], 2));
  program.write('shift', randomFloats([WIDTH], 3));
  program.write('weights', Float32Array.from(weights));
  program.write('one', Float32Array.of(1));
  await program.run();
  return { weighted: await program.read('weighted'), plain: await program.read('plain') };
}

test('equal weights give layerNorm', async () => {
  const { weighted, plain } = await both(
    Array.from({ length: WIDTH }, () => 1 / WIDTH),
    randomFloats([ROWS, WIDTH], 1),
  );
  weighted.forEach((y, i) => expect(y).toBeCloseTo(plain[i] ?? Number.NaN, 6));
});

test('elements of weight 0 do not touch the others', async () => {
  const x = randomFloats([ROWS, WIDTH], 1);
  const other = x.map((value, i) => (i % WIDTH < 4 ? value : 100 * value));
  const weights = [0.25, 0.25, 0.25, 0.25, 0, 0];
  const [a, b] = [await both(weights, x), await both(weights, other)];
  a.weighted.forEach((y, i) => {
    if (i % WIDTH < 4) expect(b.weighted[i]).toBe(y);
    else expect(b.weighted[i]).not.toBe(y);
  });
});
