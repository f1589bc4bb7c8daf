import type { Engine, Program } from '../../src/engines/engine.ts';
import { differentiate } from '../../src/graph/differentiate.ts';
import { Graph } from '../../src/graph/graph.ts';
import { mul, reduceSum } from '../../src/graph/ops/elementwise.ts';
import { plan } from '../../src/graph/plan.ts';
import { DIFFERENTIABLE, OTHERS, randomFloats, type OperationCase } from './operationCases.ts';

/** Every operation at several sizes, and whether its gradients are compared as well. */
export const CASES: readonly { readonly operation: OperationCase; readonly gradients: boolean }[] = [
  ...DIFFERENTIABLE.map((operation) => ({ operation, gradients: true })),
  ...OTHERS.map((operation) => ({ operation, gradients: false })),
];

/** The case with its gradients, run once; every tensor by name. */
export async function outputsOf(
  engine: Engine,
  operation: OperationCase,
  gradients: boolean,
): Promise<Map<string, Float32Array | Int32Array>> {
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
