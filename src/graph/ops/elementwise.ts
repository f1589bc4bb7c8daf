import { formatShape, sizeOf, type Shape } from '../../tensor/shape.ts';
import type { Graph } from '../graph.ts';
import type { GeluKind } from '../operation.ts';
import { geluSlope, geluValue } from '../gelu.ts';
import { GraphError, isDense, requireSameShape, requireShape, sameNumbers, type Value } from '../value.ts';
import { accumulate, aligned, contiguous } from './layout.ts';

export function mul(graph: Graph, a: Value, b: Value): Value {
  const [x, y] = aligned(graph, 'mul', a, b);
  return graph.add({
    operation: { kind: 'mul' },
    inputs: [x, y],
    output: graph.temporary('mul', x.shape, 'f32', x.strides),
    writes: [],
    overwritable: [x, y],
    gradient: (dy) => [(sum) => accumulate(graph, sum, mul(graph, dy, y)), (sum) => accumulate(graph, sum, mul(graph, dy, x))],
    reference: ([left = new Float64Array(), right = new Float64Array()], out) => {
      for (let i = 0; i < out.length; i++) out[i] = (left[i] ?? 0) * (right[i] ?? 0);
    },
    flops: sizeOf(x.shape),
  });
}

/** factor * x, for a factor known when the graph is built. */
export function scale(graph: Graph, x: Value, factor: number): Value {
  requireDense('scale', x);
  return graph.add({
    operation: { kind: 'scale', factor },
    inputs: [x],
    output: graph.temporary('scale', x.shape, 'f32', x.strides),
    writes: [],
    overwritable: [x],
    gradient: (dy) => [(sum) => accumulate(graph, sum, scale(graph, dy, factor))],
    reference: ([source = new Float64Array()], out) => {
      for (let i = 0; i < out.length; i++) out[i] = factor * (source[i] ?? 0);
    },
    flops: sizeOf(x.shape),
  });
}

/** s * x, for a tensor s [1]. */
export function scaleBy(graph: Graph, x: Value, s: Value): Value {
  requireShape('scaleBy', 's', s, [1]);
  requireDense('scaleBy', x);
  return graph.add({
    operation: { kind: 'scaleBy' },
    inputs: [x, s],
    output: graph.temporary('scaleBy', x.shape, 'f32', x.strides),
    writes: [],
    gradient: (dy) => [
      (sum) => accumulate(graph, sum, scaleBy(graph, dy, s)),
      (sum) => accumulate(graph, sum, reduceSum(graph, mul(graph, dy, x))),
    ],
    reference: ([source = new Float64Array(), factor = new Float64Array()], out) => {
      for (let i = 0; i < out.length; i++) out[i] = (factor[0] ?? 0) * (source[i] ?? 0);
    },
    flops: sizeOf(x.shape),
  });
}

/** 1 / sqrt(x + epsilon), for x that is not negative. */
export function rsqrt(graph: Graph, x: Value, epsilon: number): Value {
  requireDense('rsqrt', x);
  const output = graph.temporary('rsqrt', x.shape, 'f32', x.strides);
  return graph.add({
    operation: { kind: 'rsqrt', epsilon },
    inputs: [x],
    output,
    writes: [],
    overwritable: [x],
    gradient: (dy) => [(sum) => accumulate(graph, sum, scale(graph, mul(graph, mul(graph, output, output), mul(graph, output, dy)), -0.5))],
    reference: ([source = new Float64Array()], out) => {
      for (let i = 0; i < out.length; i++) out[i] = 1 / Math.sqrt((source[i] ?? 0) + epsilon);
    },
    flops: 3 * sizeOf(x.shape),
  });
}

/** GELU in the form that `hidden_act` names. */
export function gelu(graph: Graph, x: Value, form: GeluKind): Value {
  requireDense('gelu', x);
  return graph.add({
    operation: { kind: 'gelu', form },
    inputs: [x],
    output: graph.temporary('gelu', x.shape, 'f32', x.strides),
    writes: [],
    overwritable: [x],
    gradient: (dy) => [(sum) => accumulate(graph, sum, geluGrad(graph, x, dy, form))],
    reference: ([source = new Float64Array()], out) => {
      for (let i = 0; i < out.length; i++) out[i] = geluValue(source[i] ?? 0, form);
    },
    flops: 12 * sizeOf(x.shape),
  });
}

function geluGrad(graph: Graph, a: Value, b: Value, form: GeluKind): Value {
  const [x, dy] = aligned(graph, 'geluGrad', a, b);
  return graph.add({
    operation: { kind: 'geluGrad', form },
    inputs: [x, dy],
    output: graph.temporary('geluGrad', x.shape, 'f32', x.strides),
    writes: [],
    overwritable: [x, dy],
    gradient: null,
    reference: ([source = new Float64Array(), slope = new Float64Array()], out) => {
      for (let i = 0; i < out.length; i++) out[i] = (slope[i] ?? 0) * geluSlope(source[i] ?? 0, form);
    },
    flops: 20 * sizeOf(x.shape),
  });
}

/**
 * gelu(x) * g: a feed-forward layer's activation times its gate, in one pass over memory.
 * @param x, g of one shape, [N, f]
 */
export function gatedGelu(graph: Graph, x: Value, g: Value, form: GeluKind): Value {
  const [a, b] = aligned(graph, 'gatedGelu', x, g);
  return graph.add({
    operation: { kind: 'gatedGelu', form },
    inputs: [a, b],
    output: graph.temporary('gatedGelu', a.shape, 'f32', a.strides),
    writes: [],
    overwritable: [a, b],
    gradient: (dy) => [
      (sum) => accumulate(graph, sum, gatedGeluGrad(graph, a, b, dy, form)),
      // The output is linear in the gate: dy takes the gate's place.
      (sum) => accumulate(graph, sum, gatedGelu(graph, a, dy, form)),
    ],
    reference: ([source = new Float64Array(), gate = new Float64Array()], out) => {
      for (let i = 0; i < out.length; i++) out[i] = geluValue(source[i] ?? 0, form) * (gate[i] ?? 0);
    },
    flops: 13 * sizeOf(a.shape),
  });
}

function gatedGeluGrad(graph: Graph, a: Value, b: Value, dy: Value, form: GeluKind): Value {
  const slope = sameNumbers(a.strides, dy.strides) && isDense(dy);
  const [x, g, d] = slope ? [a, b, dy] : [contiguous(graph, a), contiguous(graph, b), contiguous(graph, dy)];
  return graph.add({
    operation: { kind: 'gatedGeluGrad', form },
    inputs: [x, g, d],
    output: graph.temporary('gatedGeluGrad', x.shape, 'f32', x.strides),
    writes: [],
    overwritable: [x, g, d],
    gradient: null,
    reference: ([source = new Float64Array(), gate = new Float64Array(), slopes = new Float64Array()], out) => {
      for (let i = 0; i < out.length; i++) out[i] = (slopes[i] ?? 0) * (gate[i] ?? 0) * geluSlope(source[i] ?? 0, form);
    },
    flops: 21 * sizeOf(x.shape),
  });
}

/** The sum of all elements, [1]. */
export function reduceSum(graph: Graph, x: Value): Value {
  requireDense('reduceSum', x);
  return graph.add({
    operation: { kind: 'reduceSum' },
    inputs: [x],
    output: graph.temporary('reduceSum', [1]),
    writes: [],
    gradient: (dy) => [(sum) => accumulate(graph, sum, broadcast(graph, dy, x.shape))],
    reference: ([source = new Float64Array()], out) => {
      out[0] = source.reduce((total, value) => total + value, 0);
    },
    flops: sizeOf(x.shape),
  });
}

/** s [1] at every place of `shape`. */
export function broadcast(graph: Graph, s: Value, shape: Shape): Value {
  requireShape('broadcast', 's', s, [1]);
  return graph.add({
    operation: { kind: 'broadcast' },
    inputs: [s],
    output: graph.temporary('broadcast', shape),
    writes: [],
    gradient: (dy) => [(sum) => accumulate(graph, sum, reduceSum(graph, dy))],
    reference: ([source = new Float64Array()], out) => {
      out.fill(source[0] ?? 0);
    },
    flops: 0,
  });
}

/** Overwrites a state with x at this place of the order. */
export function assign(graph: Graph, state: Value, x: Value): void {
  requireSameShape('assign', state, x);
  const source = contiguous(graph, x);
  graph.add({
    operation: { kind: 'assign' },
    inputs: [source],
    output: graph.temporary('assign', [1]),
    writes: [state],
    gradient: null,
    reference: ([values = new Float64Array()], _out, [target]) => {
      target?.set(values);
    },
    flops: 0,
  });
}

function requireDense(operation: string, x: Value): void {
  if (isDense(x)) return;
  throw new GraphError(operation, `x ${formatShape(x.shape)} must cover its memory, got strides ${formatShape(x.strides)}.`);
}
