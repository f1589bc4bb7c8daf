import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Engine, Program } from '../../src/engines/engine.ts';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import { differentiate } from '../../src/graph/differentiate.ts';
import { Graph } from '../../src/graph/graph.ts';
import { plan } from '../../src/graph/plan.ts';
import { relativeError } from '../golden/load.ts';
import { ENGINES, PLAIN_WEBGPU } from './availableEngines.ts';
import { DIFFERENTIABLE, OTHERS, randomFloats, type OperationCase } from './operationCases.ts';

/** The case with its gradients, run once; every tensor by name. */
async function outputsOf(engine: Engine, operation: OperationCase, gradients: boolean): Promise<Map<string, Float32Array | Int32Array>> {
  const graph = new Graph();
  const values = new Map([
    ...Object.entries(operation.floats).map(([name, shape]) => [name, graph.input(name, shape)] as const),
    ...Object.entries(operation.constants ?? {}).map(
      ([name, { shape, data }]) => [name, graph.input(name, shape, data instanceof Int32Array ? 'i32' : 'f32')] as const,
    ),
  ]);
  const output = operation.build(graph, (name) => values.get(name) ?? graph.input(name, [1]));
  graph.output('output', output);
  const names = Object.keys(operation.floats);
  if (gradients) {
    // A weighted sum, whose weights are the output's gradient.
    const { reduceSum, mul } = await import('../../src/graph/ops/elementwise.ts');
    const weights = graph.input('weights', output.shape);
    const loss = reduceSum(graph, mul(graph, output, weights));
    const seed = graph.input('seed', [1]);
    const parameters = names.flatMap((name) => values.get(name) ?? []);
    differentiate(graph, loss, parameters, seed).forEach((gradient, i) => graph.output(`d.${names[i] ?? ''}`, gradient));
  }
  const program: Program = await engine.compile(plan(graph, engine.planOptions));
  names.forEach((name, i) => program.write(name, randomFloats(operation.floats[name] ?? [], i + 1)));
  for (const [name, { data }] of Object.entries(operation.constants ?? {})) program.write(name, data);
  for (const [name, state] of graph.states) program.write(name, randomFloats(state.shape, 7).map(Math.abs));
  if (gradients) {
    program.write('weights', randomFloats(output.shape, 99));
    program.write('seed', Float32Array.of(1));
  }
  await program.run();
  const results = new Map<string, Float32Array | Int32Array>();
  for (const [name, value] of graph.outputs)
    results.set(name, value.dtype === 'i32' ? await program.readIntegers(name) : await program.read(name));
  for (const name of graph.states.keys()) results.set(name, await program.read(name));
  program.dispose();
  return results;
}

describe.each([...ENGINES.filter(({ name }) => name !== 'reference'), PLAIN_WEBGPU])(
  '$name agrees with the reference engine',
  ({ create }) => {
    let engine: Engine;
    beforeAll(async () => {
      engine = await create();
    });
    afterAll(() => engine.dispose());

    const cases = [
      ...DIFFERENTIABLE.map((operation) => ({ operation, gradients: true })),
      ...OTHERS.map((operation) => ({ operation, gradients: false })),
    ];
    test.each(cases)('$operation.name', async ({ operation, gradients }) => {
      const expected = await outputsOf(new ReferenceEngine(), operation, gradients);
      const got = await outputsOf(engine, operation, gradients);
      expect(got.size).toBe(expected.size);
      for (const [name, values] of expected) {
        // float32 sums of up to 259 products, polynomials to 1e-7: a few units in the last place of the largest entry.
        const error = relativeError(got.get(name) ?? [], values);
        expect(error, name).toBeLessThan(values instanceof Int32Array ? 1e-9 : 5e-6);
      }
    });

    test('numbers that are not finite leave weights and moments as they were', async () => {
      const found = OTHERS.find(({ name }) => name === 'adamw of 17');
      if (found === undefined) throw new Error('the case is gone');
      const graph = new Graph();
      const x = graph.input('x', [17]);
      const settings = graph.input('settings', [7]);
      found.build(graph, (name) => (name === 'x' ? x : settings));
      const program = await engine.compile(plan(graph, engine.planOptions));
      program.write('settings', found.constants?.['settings']?.data ?? new Float32Array(7));
      const before = randomFloats([17], 5).map(Math.abs);
      for (const poison of [Number.NaN, Number.POSITIVE_INFINITY]) {
        for (const name of ['p', 'm', 'v']) program.write(name, before);
        program.write(
          'x',
          randomFloats([17], 6).map((value, i) => (i === 11 ? poison : value)),
        );
        await program.run();
        for (const name of ['p', 'm', 'v']) expect(await program.read(name)).toEqual(before);
      }
      program.write('x', randomFloats([17], 6));
      await program.run();
      expect(await program.read('p')).not.toEqual(before);
      program.dispose();
    });
  },
);
