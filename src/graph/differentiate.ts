import type { Graph } from './graph.ts';
import type { Node } from './operation.ts';
import { broadcast } from './ops/elementwise.ts';
import { GraphError, requireShape, type Value } from './value.ts';

/**
 * Extends the graph with the gradient of `loss` [1] for each of `parameters`, in their order.
 *
 * Reverse mode over the nodes between; only what leads from a parameter to the loss is differentiated.
 *
 * @param seed [1], the gradient of the loss itself (1, or a loss weight)
 * @throws GraphError if a parameter does not reach the loss, or an operation between has no gradient
 */
export function differentiate(graph: Graph, loss: Value, parameters: readonly Value[], seed: Value): Value[] {
  return differentiateParts(graph, parameters, seed, [() => loss]);
}

/**
 * Gradients of a sum of losses that are added to the graph part by part (gradient accumulation).
 *
 * Every part is differentiated before the next one is added, so that the plan can give all parts the same memory.
 * What the parts share and was added before them, as the merge of compactors, is differentiated once, at the end,
 * from the sum of the parts' gradients.
 *
 * @param seed [1], the gradient of every loss
 * @param parts each adds its nodes to the graph and returns its loss [1]; the first may also find it there
 * @throws GraphError if a parameter reaches no loss, or an operation between has no gradient
 */
export function differentiateParts(graph: Graph, parameters: readonly Value[], seed: Value, parts: readonly (() => Value)[]): Value[] {
  const needed = new Set<Value>(parameters);
  const gradients = new Map<Value, Value>();
  const shared = graph.nodes.length;
  markNeeded(graph.nodes, needed);
  for (const part of parts) {
    const from = graph.nodes.length;
    const loss = part();
    requireShape('differentiate', 'loss', loss, [1]);
    const nodes = graph.nodes.slice(from);
    markNeeded(nodes, needed);
    const start = broadcast(graph, seed, [1]);
    gradients.set(loss, start);
    backward(nodes, needed, gradients);
  }
  backward(graph.nodes.slice(0, shared), needed, gradients);
  return parameters.map((parameter) => {
    const gradient = gradients.get(parameter);
    if (gradient === undefined) throw new GraphError('differentiate', `the loss does not depend on ${parameter.storage.label}.`);
    return gradient;
  });
}

/** Adds to `needed` what depends on it. */
function markNeeded(nodes: readonly Node[], needed: Set<Value>): void {
  for (const node of nodes) if (node.inputs.some((input) => needed.has(input))) needed.add(node.output);
}

function backward(nodes: readonly Node[], needed: ReadonlySet<Value>, gradients: Map<Value, Value>): void {
  for (const node of nodes.toReversed()) {
    const dy = gradients.get(node.output);
    if (dy === undefined || !node.inputs.some((input) => needed.has(input))) continue;
    if (node.gradient === null) throw new GraphError(node.operation.kind, 'has no gradient, but lies between a parameter and the loss.');
    const rules = node.gradient(dy);
    node.inputs.forEach((input, index) => {
      const rule = rules[index];
      if (!needed.has(input) || rule === undefined || rule === null) return;
      gradients.set(input, rule(gradients.get(input) ?? null));
    });
  }
}
