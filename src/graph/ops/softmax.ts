import { formatShape, sizeOf } from '../../tensor/shape.ts';
import type { Graph } from '../graph.ts';
import { GraphError, requireContiguous, requireSameShape, requireShape, type Value } from '../value.ts';
import { accumulate, contiguous } from './layout.ts';

/**
 * Attention probabilities: softmax(alpha scores + mask) over the last axis.
 *
 * A row whose keys are all masked is uniform over its scores, as in Hugging Face (the mask is finite).
 *
 * @param scores [B, A, T, U]   @param mask [B, U], additive: 0 or a large negative number
 * @returns [B, A, T, U]
 */
export function softmax(graph: Graph, scores: Value, mask: Value, alpha: number): Value {
  const [batch, heads, queries, keys] = scores.shape;
  if (batch === undefined || heads === undefined || queries === undefined || keys === undefined)
    throw new GraphError('softmax', `expected scores [B, A, T, U], got ${formatShape(scores.shape)}.`);
  requireContiguous('softmax', 'scores', scores);
  requireShape('softmax', 'mask', mask, [batch, keys]);
  const perBatch = heads * queries;
  const output = graph.temporary('softmax', scores.shape);
  return graph.add({
    operation: { kind: 'softmax', alpha },
    inputs: [scores, mask],
    output,
    writes: [],
    overwritable: [scores],
    gradient: (dy) => [(sum) => accumulate(graph, sum, softmaxGrad(graph, output, contiguous(graph, dy), alpha)), null],
    reference: ([source = new Float64Array(), shift = new Float64Array()], out) => {
      for (let row = 0; row < batch * perBatch; row++) {
        const maskAt = Math.floor(row / perBatch) * keys;
        const logits = Array.from({ length: keys }, (_, j) => alpha * (source[row * keys + j] ?? 0) + (shift[maskAt + j] ?? 0));
        const top = logits.reduce((best, x) => Math.max(best, x), -Infinity);
        const weights = logits.map((x) => Math.exp(x - top));
        const total = weights.reduce((sum, x) => sum + x, 0);
        for (let j = 0; j < keys; j++) out[row * keys + j] = (weights[j] ?? 0) / total;
      }
    },
    flops: 12 * sizeOf(scores.shape),
  });
}

function softmaxGrad(graph: Graph, p: Value, dp: Value, alpha: number): Value {
  requireSameShape('softmaxGrad', p, dp);
  const keys = p.shape.at(-1) ?? 1;
  const rows = sizeOf(p.shape) / keys;
  return graph.add({
    operation: { kind: 'softmaxGrad', alpha },
    inputs: [p, dp],
    output: graph.temporary('softmaxGrad', p.shape),
    writes: [],
    overwritable: [p, dp],
    gradient: null,
    reference: ([weights = new Float64Array(), slope = new Float64Array()], out) => {
      for (let row = 0; row < rows; row++) {
        let along = 0;
        for (let i = row * keys; i < (row + 1) * keys; i++) along += (weights[i] ?? 0) * (slope[i] ?? 0);
        for (let i = row * keys; i < (row + 1) * keys; i++) out[i] = alpha * (weights[i] ?? 0) * ((slope[i] ?? 0) - along);
      }
    },
    flops: 5 * sizeOf(p.shape),
  });
}
