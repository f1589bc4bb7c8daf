import { formatShape, sizeOf, type Shape } from '../../tensor/shape.ts';
import type { Graph } from '../graph.ts';
import { contiguousStrides, GraphError, requireContiguous, type Value } from '../value.ts';
import { accumulate, contiguous } from './layout.ts';

const nothing = (): void => {};

/** The same row-major elements under another shape; no copy. @throws GraphError if sizes differ or x is strided. */
export function reshape(graph: Graph, x: Value, shape: Shape): Value {
  if (sizeOf(shape) !== sizeOf(x.shape))
    throw new GraphError('reshape', `cannot make ${formatShape(shape)} of ${formatShape(x.shape)}: sizes differ.`);
  requireContiguous('reshape', 'x', x);
  return graph.add({
    operation: { kind: 'reshape' },
    inputs: [x],
    output: { ...x, shape, strides: contiguousStrides(shape) },
    writes: [],
    gradient: (dy) => [(sum) => accumulate(graph, sum, reshape(graph, contiguous(graph, dy), x.shape))],
    reference: nothing,
    flops: 0,
  });
}

/** Axes in another order; no copy. */
export function permute(graph: Graph, x: Value, axes: readonly number[]): Value {
  const pick = (list: readonly number[]): number[] => axes.map((axis) => list[axis] ?? 0);
  const inverse = axes.map((_, position) => axes.indexOf(position));
  return graph.add({
    operation: { kind: 'permute', axes },
    inputs: [x],
    output: { ...x, shape: pick(x.shape), strides: pick(x.strides) },
    writes: [],
    gradient: (dy) => [(sum) => accumulate(graph, sum, permute(graph, dy, inverse))],
    reference: nothing,
    flops: 0,
  });
}

/** [.., m, n] -> [.., n, m]; no copy. */
export function transpose(graph: Graph, x: Value): Value {
  const axes = x.shape.map((_, axis) => axis);
  const last = axes.length - 1;
  return permute(graph, x, [...axes.slice(0, -2), last, last - 1]);
}

/** [B, T, A a] -> [B, A, T, a]; no copy. */
export function splitHeads(graph: Graph, x: Value, heads: number): Value {
  const [batch, tokens, width] = x.shape;
  if (batch === undefined || tokens === undefined || width === undefined || width % heads !== 0)
    throw new GraphError('splitHeads', `expected [B, T, ${heads} x head size], got ${formatShape(x.shape)}.`);
  return permute(graph, reshape(graph, x, [batch, tokens, heads, width / heads]), [0, 2, 1, 3]);
}

/** [B, A, T, a] -> [B, T, A a]; free where the matmul that made x wrote it in merged layout, else a copy. */
export function mergeHeads(graph: Graph, x: Value): Value {
  const [batch, heads, tokens, size] = x.shape;
  if (batch === undefined || heads === undefined || tokens === undefined || size === undefined)
    throw new GraphError('mergeHeads', `expected [B, A, T, a], got ${formatShape(x.shape)}.`);
  return reshape(graph, contiguous(graph, permute(graph, x, [0, 2, 1, 3])), [batch, tokens, heads * size]);
}
