import { expect, test } from 'vitest';
import { Graph } from '../../src/graph/graph.ts';
import type { OperationKind } from '../../src/graph/operation.ts';
import { linear } from '../../src/graph/ops/matmul.ts';
import { plan } from '../../src/graph/plan.ts';
import { printGraph } from '../../src/graph/printGraph.ts';
import { caseGraph } from '../../src/engines/conformance/caseGraph.ts';
import { DIFFERENTIABLE, OTHERS, type OperationCase } from '../../src/engines/conformance/operationCases.ts';

/** How an operation is held to the truth; the compiler names whoever adds one and forgets this table. */
const HELD: Readonly<Record<OperationKind, 'gradient' | 'in gradients' | 'forward'>> = {
  matmul: 'gradient',
  add: 'gradient',
  mul: 'gradient',
  scale: 'gradient',
  scaleBy: 'gradient',
  gelu: 'gradient',
  geluGrad: 'in gradients',
  gatedGelu: 'gradient',
  gatedGeluGrad: 'in gradients',
  rotate: 'gradient',
  layerNorm: 'gradient',
  layerNormGradInput: 'in gradients',
  layerNormGradGain: 'in gradients',
  rsqrt: 'gradient',
  reduceRows: 'in gradients',
  reduceSum: 'gradient',
  broadcast: 'gradient',
  softmax: 'gradient',
  softmaxGrad: 'in gradients',
  narrowKeys: 'gradient',
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
function kindsOf(operation: OperationCase, gradients: boolean): { forward: readonly OperationKind[]; added: readonly OperationKind[] } {
  const { graph, forward } = caseGraph(operation, gradients);
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
    'matmul#2 [4, 16] <- x#0[4, 8] w#1[8, 16] | at 640, 256 B, 0.001 MFLOP\n1 operations, 1 kB, 0.000 GFLOP',
  );
});

test('errors name the operation, what it expected and what it got', () => {
  const graph = new Graph();
  const [x, w] = [graph.input('x', [4, 8]), graph.state('w', [16, 9])];
  expect(() => linear(graph, x, w)).toThrow('matmul: expected [.., m, k] x [.., k, n], got [4, 8] x [9, 16].');
});
