import type { Program } from '../engine.ts';
import { differentiate } from '../../graph/differentiate.ts';
import { Graph } from '../../graph/graph.ts';
import type { OperationKind } from '../../graph/operation.ts';
import { mul, reduceSum } from '../../graph/ops/elementwise.ts';
import type { Value } from '../../graph/value.ts';
import { randomFloats, type OperationCase } from './operationCases.ts';

/** A case as a graph: `output`, and with gradients one `d.NAME` a float input. */
export interface CaseGraph {
  readonly graph: Graph;
  readonly output: Value;
  /** What the gradients are of. */
  readonly loss: Value | undefined;
  /** Kinds of the case's own nodes, before those that differentiation adds. */
  readonly forward: readonly OperationKind[];
}

export function caseGraph(operation: OperationCase, gradients: boolean): CaseGraph {
  const graph = new Graph();
  const values = new Map([
    ...Object.entries(operation.floats).map(([name, shape]) => [name, graph.input(name, shape)] as const),
    ...Object.entries(operation.constants ?? {}).map(
      ([name, { shape, data }]) => [name, graph.input(name, shape, data instanceof Int32Array ? 'i32' : 'f32')] as const,
    ),
  ]);
  const output = operation.build(graph, (name) => values.get(name) ?? graph.input(name, [1]));
  graph.output('output', output);
  const forward = graph.nodes.map((node) => node.operation.kind);
  if (!gradients) return { graph, output, loss: undefined, forward };
  // A random weighting, which is the output's gradient: every number counts by its own amount.
  const loss = reduceSum(graph, mul(graph, output, graph.input('weights', output.shape)));
  const names = Object.keys(operation.floats);
  const parameters = names.flatMap((name) => values.get(name) ?? []);
  differentiate(graph, loss, parameters, graph.input('seed', [1])).forEach((gradient, i) => graph.output(`d.${names[i] ?? ''}`, gradient));
  return { graph, output, loss, forward };
}

/** Writes every input and state of a case's graph: the same numbers on every engine. */
export function writeCase(
  program: Pick<Program, 'write'>,
  operation: OperationCase,
  { graph, output }: CaseGraph,
  gradients: boolean,
): void {
  Object.entries(operation.floats).forEach(([name, shape], i) => program.write(name, randomFloats(shape, i + 1)));
  for (const [name, { data }] of Object.entries(operation.constants ?? {})) program.write(name, data);
  for (const [name, state] of graph.states) program.write(name, operation.states?.[name] ?? randomFloats(state.shape, 7).map(Math.abs));
  if (!gradients) return;
  program.write('weights', randomFloats(output.shape, 99));
  program.write('seed', Float32Array.of(1));
}
