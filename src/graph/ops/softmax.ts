import { formatShape, sizeOf } from '../../tensor/shape.ts';
import type { Graph } from '../graph.ts';
import { GraphError, requireContiguous, requireSameShape, requireShape, type Value } from '../value.ts';
import { accumulate, contiguous } from './layout.ts';

/**
 * Attention probabilities: softmax(alpha scores) over the keys that a query sees, 0 for the others.
 *
 * A query sees the keys from a first one to before an end, which says padding, several documents in one row, causal attention
 * and local windows alike. A query without keys gives 0 everywhere. What scores of unseen keys hold does not matter.
 *
 * @param scores [B, A, T, U]
 * @param ranges [B, T, 2], i32: first key of every query and the end of its keys, one for all heads; cut to 0 to U
 * @returns [B, A, T, U]
 */
export function softmax(graph: Graph, scores: Value, ranges: Value, alpha: number): Value {
  const [batch, heads, queries, keys] = scores.shape;
  if (batch === undefined || heads === undefined || queries === undefined || keys === undefined)
    throw new GraphError('softmax', `expected scores [B, A, T, U], got ${formatShape(scores.shape)}.`);
  requireContiguous('softmax', 'scores', scores);
  requireContiguous('softmax', 'ranges', ranges);
  requireShape('softmax', 'ranges', ranges, [batch, queries, 2]);
  if (ranges.dtype !== 'i32') throw new GraphError('softmax', `ranges: expected i32, got ${ranges.dtype}.`);
  const output = graph.temporary('softmax', scores.shape);
  return graph.add({
    operation: { kind: 'softmax', alpha },
    inputs: [scores, ranges],
    output,
    writes: [],
    overwritable: [scores],
    gradient: (dy) => [(sum) => accumulate(graph, sum, softmaxGrad(graph, output, contiguous(graph, dy), ranges, alpha)), null],
    reference: ([source = new Float64Array(), limits = new Float64Array()], out) => {
      const weights = new Float64Array(keys);
      for (let row = 0; row < batch * heads * queries; row++) {
        const { first, end } = keysOf(limits, scores, row);
        const logits = source.slice(row * keys + first, row * keys + end).map((x) => alpha * x);
        const top = logits.reduce((best, x) => Math.max(best, x), -Infinity);
        weights.fill(0);
        weights.set(
          logits.map((x) => Math.exp(x - top)),
          first,
        );
        const total = weights.reduce((sum, x) => sum + x, 0);
        for (let j = 0; j < keys; j++) out[row * keys + j] = total === 0 ? 0 : (weights[j] ?? 0) / total;
      }
    },
    flops: 12 * sizeOf(scores.shape),
  });
}

/**
 * Ranges of keys cut to a window around each query: local attention, or causal with `after` 0.
 *
 * @param ranges [B, T, 2], i32; keys are counted as queries are
 * @param before keys in front of the query that it still sees, `after` those behind it; null = as far as the range goes
 * @returns [B, T, 2], i32
 */
export function narrowKeys(graph: Graph, ranges: Value, before: number | null, after: number | null): Value {
  const [batch, queries] = ranges.shape;
  if (batch === undefined || queries === undefined || ranges.dtype !== 'i32')
    throw new GraphError('narrowKeys', `expected ranges [B, T, 2] of i32, got ${formatShape(ranges.shape)} of ${ranges.dtype}.`);
  requireContiguous('narrowKeys', 'ranges', ranges);
  requireShape('narrowKeys', 'ranges', ranges, [batch, queries, 2]);
  return graph.add({
    operation: { kind: 'narrowKeys', before, after },
    inputs: [ranges],
    output: graph.temporary('narrowKeys', ranges.shape, 'i32'),
    writes: [],
    gradient: null,
    reference: ([limits = new Float64Array()], out) => {
      for (let i = 0; i < batch * queries; i++) {
        const query = i % queries;
        out[2 * i] = Math.max(limits[2 * i] ?? 0, before === null ? -Infinity : query - before);
        out[2 * i + 1] = Math.min(limits[2 * i + 1] ?? 0, after === null ? Infinity : query + after + 1);
      }
    },
    flops: 2 * batch * queries,
  });
}

/** p and dp [B, A, T, U] -> alpha p (dp - sum dp p) over the keys that a query sees, 0 for the others. */
function softmaxGrad(graph: Graph, p: Value, dp: Value, ranges: Value, alpha: number): Value {
  requireSameShape('softmaxGrad', p, dp);
  const keys = p.shape.at(-1) ?? 1;
  const rows = sizeOf(p.shape) / keys;
  return graph.add({
    operation: { kind: 'softmaxGrad', alpha },
    inputs: [p, dp, ranges],
    output: graph.temporary('softmaxGrad', p.shape),
    writes: [],
    overwritable: [p, dp],
    gradient: null,
    reference: ([weights = new Float64Array(), slope = new Float64Array(), limits = new Float64Array()], out) => {
      out.fill(0);
      for (let row = 0; row < rows; row++) {
        const range = keysOf(limits, p, row);
        const [from, to] = [row * keys + range.first, row * keys + range.end];
        let along = 0;
        for (let i = from; i < to; i++) along += (weights[i] ?? 0) * (slope[i] ?? 0);
        for (let i = from; i < to; i++) out[i] = alpha * (weights[i] ?? 0) * ((slope[i] ?? 0) - along);
      }
    },
    flops: 5 * sizeOf(p.shape),
  });
}

/** The keys that a row of [B, A, T, U] sees. @param ranges [B, T, 2] */
function keysOf(ranges: Float64Array, { shape: [, heads = 1, queries = 1, keys = 1] }: Value, row: number): { first: number; end: number } {
  const at = 2 * (Math.floor(row / (heads * queries)) * queries + (row % queries));
  const first = Math.min(keys, Math.max(0, ranges[at] ?? 0));
  return { first, end: Math.max(first, Math.min(keys, ranges[at + 1] ?? 0)) };
}
