import { sizeOf } from '../../tensor/shape.ts';
import type { Graph } from '../graph.ts';
import { isContiguous, isDense, requireSameShape, sameNumbers, type Value } from '../value.ts';

/** x itself where it is row-major, else a row-major copy. */
export function contiguous(graph: Graph, x: Value): Value {
  if (isContiguous(x)) return x;
  return graph.add({
    operation: { kind: 'copy' },
    inputs: [x],
    output: graph.temporary('copy', x.shape, x.dtype),
    writes: [],
    gradient: (dy) => [(sum) => accumulate(graph, sum, dy)],
    reference: ([source], output) => {
      if (source !== undefined) output.set(source);
    },
    flops: 0,
  });
}

/** Two values in one dense layout: both as they are where the layouts agree, else both row-major. */
export function aligned(graph: Graph, operation: string, a: Value, b: Value): [Value, Value] {
  requireSameShape(operation, a, b);
  if (sameNumbers(a.strides, b.strides) && isDense(a) && isDense(b)) return [a, b];
  return [contiguous(graph, a), contiguous(graph, b)];
}

/** sum + x, or x where there is no sum yet. */
export function accumulate(graph: Graph, sum: Value | null, x: Value): Value {
  return sum === null ? x : add(graph, sum, x);
}

export function add(graph: Graph, a: Value, b: Value): Value {
  const [x, y] = aligned(graph, 'add', a, b);
  return graph.add({
    operation: { kind: 'add' },
    inputs: [x, y],
    output: graph.temporary('add', x.shape, 'f32', x.strides),
    writes: [],
    overwritable: [x, y],
    gradient: (dy) => [(sum) => accumulate(graph, sum, dy), (sum) => accumulate(graph, sum, dy)],
    reference: ([left = new Float64Array(), right = new Float64Array()], out) => {
      for (let i = 0; i < out.length; i++) out[i] = (left[i] ?? 0) + (right[i] ?? 0);
    },
    flops: sizeOf(x.shape),
  });
}
