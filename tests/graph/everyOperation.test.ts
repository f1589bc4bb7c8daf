import { expect, test } from 'vitest';
import { differentiate } from '../../src/graph/differentiate.ts';
import { Graph } from '../../src/graph/graph.ts';
import type { OperationKind } from '../../src/graph/operation.ts';
import { mul, reduceSum } from '../../src/graph/ops/elementwise.ts';
import { linear } from '../../src/graph/ops/matmul.ts';
import { plan } from '../../src/graph/plan.ts';
import { printGraph } from '../../src/graph/printGraph.ts';
import { DIFFERENTIABLE, OTHERS, type OperationCase } from '../engines/operationCases.ts';

/** How an operation is held to the truth; the compiler names whoever adds one and forgets this table. */
const HELD: Readonly<Record<OperationKind, 'gradient' | 'in gradients' | 'forward'>> = {
  matmul: 'gradient',
  add: 'gradient',
  mul: 'gradient',
  scale: 'gradient',
  scaleBy: 'gradient',
  gelu: 'gradient',
  geluGrad: 'in gradients',
  layerNorm: 'gradient',
  layerNormGradInput: 'in gradients',
  layerNormGradGain: 'in gradients',
  rsqrt: 'gradient',
  reduceRows: 'in gradients',
  reduceSum: 'gradient',
  broadcast: 'gradient',
  softmax: 'gradient',
  softmaxGrad: 'in gradients',
  gatherRows: 'gradient',
  scatterRows: 'gradient',
  crossEntropy: 'gradient',
  crossEntropyGrad: 'in gradients',
  distillation: 'gradient',
  distillationGrad: 'in gradients',
  argmaxRows: 'forward',
  copy: 'gradient',
  assign: 'forward',
  globalNorm: 'forward',
  adamw: 'forward',
  reshape: 'gradient',
  permute: 'gradient',
};

/** Kinds of the case's forward nodes, and of those that differentiation adds. */
function kindsOf(operation: OperationCase, gradients: boolean): { forward: OperationKind[]; added: OperationKind[] } {
  const graph = new Graph();
  const values = new Map([
    ...Object.entries(operation.floats).map(([name, shape]) => [name, graph.input(name, shape)] as const),
    ...Object.entries(operation.constants ?? {}).map(
      ([name, { shape, data }]) => [name, graph.input(name, shape, data instanceof Int32Array ? 'i32' : 'f32')] as const,
    ),
  ]);
  const output = operation.build(graph, (name) => values.get(name) ?? graph.input(name, [1]));
  const forward = graph.nodes.map((node) => node.operation.kind);
  if (!gradients) return { forward, added: [] };
  const loss = reduceSum(graph, mul(graph, output, graph.input('weights', output.shape)));
  const parameters = Object.keys(operation.floats).flatMap((name) => values.get(name) ?? []);
  differentiate(graph, loss, parameters, graph.input('seed', [1]));
  return { forward, added: graph.nodes.slice(forward.length).map((node) => node.operation.kind) };
}

test('every operation is in a case of finite differences or of conformance', () => {
  const differentiated = DIFFERENTIABLE.map((operation) => kindsOf(operation, true));
  const found = {
    gradient: new Set(differentiated.flatMap(({ forward }) => forward)),
    'in gradients': new Set(differentiated.flatMap(({ added }) => added)),
    forward: new Set(OTHERS.flatMap((operation) => kindsOf(operation, false).forward)),
  };
  const missing = Object.entries(HELD).filter(([kind, by]) => ![...found[by]].some((name) => name === kind));
  expect(missing).toEqual([]);
});

test('printGraph shows name, shape, place, bytes and cost a line, and the sums', () => {
  const graph = new Graph();
  graph.output('y', linear(graph, graph.input('x', [4, 8]), graph.state('w', [16, 8])));
  expect(printGraph(plan(graph))).toBe(
    'matmul#2 [4, 16] <- x#0[4, 8] w#1[8, 16] | at 640, 256 B, 0.001 MFLOP\n1 operations, 0.0 MiB, 0.000 GFLOP',
  );
});

test('errors name the operation, what it expected and what it got', () => {
  const graph = new Graph();
  const [x, w] = [graph.input('x', [4, 8]), graph.state('w', [16, 9])];
  expect(() => linear(graph, x, w)).toThrow('matmul: expected [.., m, k] x [.., k, n], got [4, 8] x [9, 16].');
});
