import { describe, expect, test } from 'vitest';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import { differentiate } from '../../src/graph/differentiate.ts';
import { Graph } from '../../src/graph/graph.ts';
import { mul, reduceSum } from '../../src/graph/ops/elementwise.ts';
import { plan } from '../../src/graph/plan.ts';
import { DIFFERENTIABLE, randomFloats } from '../engines/operationCases.ts';

/** Entries checked a tensor: enough to meet every branch, few enough for 129 x 129 x 259. */
const CHECKED = 6;
const STEP = 1e-4;

describe('gradients agree with central differences in float64', () => {
  test.each(DIFFERENTIABLE)('$name', async (operation) => {
    const graph = new Graph();
    const values = new Map([
      ...Object.entries(operation.floats).map(([name, shape]) => [name, graph.input(name, shape)] as const),
      ...Object.entries(operation.constants ?? {}).map(
        ([name, { shape, data }]) => [name, graph.input(name, shape, data instanceof Int32Array ? 'i32' : 'f32')] as const,
      ),
    ]);
    const output = operation.build(graph, (name) => values.get(name) ?? graph.input(name, [1]));
    // A random weighting, so that every output counts by its own amount.
    const weights = graph.input('weights', output.shape);
    const loss = reduceSum(graph, mul(graph, output, weights));
    graph.output('loss', loss);
    const names = Object.keys(operation.floats);
    const seed = graph.input('seed', [1]);
    const parameters = names.flatMap((name) => values.get(name) ?? []);
    differentiate(graph, loss, parameters, seed).forEach((gradient, i) => graph.output(`d.${names[i] ?? ''}`, gradient));

    const program = new ReferenceEngine().compileReference(plan(graph));
    names.forEach((name, i) => program.write(name, randomFloats(operation.floats[name] ?? [], i + 1)));
    for (const [name, { data }] of Object.entries(operation.constants ?? {})) program.write(name, data);
    program.write('weights', randomFloats(output.shape, 99));
    program.write('seed', Float32Array.of(1));
    await program.run();
    const gradients = new Map(names.map((name) => [name, program.readExact(`d.${name}`)]));
    let compared = 0;
    for (const [name, gradient] of gradients) {
      const at = program.readExact(name);
      const stride = Math.max(1, Math.floor(at.length / CHECKED));
      for (let i = 0; i < at.length; i += stride) {
        const loss = async (shift: number): Promise<number> => {
          program.writeExact(
            name,
            at.map((x, j) => (j === i ? x + shift : x)),
          );
          await program.run();
          return program.readExact('loss')[0] ?? Number.NaN;
        };
        const slope = ((await loss(STEP)) - (await loss(-STEP))) / (2 * STEP);
        program.writeExact(name, at);
        // Central differences err by STEP^2 times the third derivative, and by 1e-16 / STEP of the loss.
        expect(Math.abs(slope - (gradient[i] ?? Number.NaN)), `d.${name}[${i}]`).toBeLessThan(1e-6 * Math.max(1, Math.abs(slope)) * 10);
        compared += 1;
      }
    }
    expect(compared).toBeGreaterThan(0);
  });
});
