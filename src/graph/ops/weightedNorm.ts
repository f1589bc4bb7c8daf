import type { Graph } from '../graph.ts';
import { axisLength, requireContiguous, requireShape, type Value } from '../value.ts';
import { broadcast, mul, rsqrt } from './elementwise.ts';
import { matmul } from './matmul.ts';
import { reshape } from './view.ts';

/**
 * LayerNorm whose mean and variance are weighted means over the last axis; with equal weights it is `layerNorm`.
 * Every element is normalised, also those of weight 0. Made of other operations, so that engines need no kernel for it.
 *
 * @param x [N, d]   @param gain [d]   @param shift [d]
 * @param weights [d], adding up to 1
 * @param one [1], the number 1
 * @returns [N, d]
 */
export function weightedNorm(graph: Graph, x: Value, gain: Value, shift: Value, weights: Value, one: Value, epsilon: number): Value {
  requireContiguous('weightedNorm', 'x', x);
  const width = axisLength('weightedNorm', x, 1);
  const rows = axisLength('weightedNorm', x, 0);
  for (const [name, value] of Object.entries({ gain, shift, weights })) requireShape('weightedNorm', name, value, [width]);
  requireShape('weightedNorm', 'one', one, [1]);
  const average = reshape(graph, weights, [width, 1]);
  const asRow = (value: Value): Value => reshape(graph, value, [1, width]);
  // A number a row is spread over the row by an outer product.
  const centred = matmul(graph, matmul(graph, x, average), broadcast(graph, one, [1, width]), { alpha: -1, addend: x });
  const variance = matmul(graph, mul(graph, centred, centred), average);
  const slope = matmul(graph, rsqrt(graph, variance, epsilon), asRow(gain));
  return matmul(graph, broadcast(graph, one, [rows, 1]), asRow(shift), { addend: mul(graph, centred, slope) });
}
