import type { Graph } from './graph.ts';
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
  requireShape('differentiate', 'loss', loss, [1]);
  const needed = new Set<Value>(parameters);
  const nodes = [...graph.nodes];
  for (const node of nodes) if (node.inputs.some((input) => needed.has(input))) needed.add(node.output);

  const gradients = new Map<Value, Value>([[loss, broadcast(graph, seed, [1])]]);
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
  return parameters.map((parameter) => {
    const gradient = gradients.get(parameter);
    if (gradient === undefined) throw new GraphError('differentiate', `the loss does not depend on ${parameter.storage.label}.`);
    return gradient;
  });
}
