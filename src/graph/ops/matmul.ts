import { formatShape, sizeOf } from '../../tensor/shape.ts';
import { geluValue } from '../gelu.ts';
import type { Graph } from '../graph.ts';
import type { Activation, Contribution } from '../operation.ts';
import {
  axisLength,
  contiguousStrides,
  GraphError,
  isContiguous,
  requireSameShape,
  requireShape,
  sameNumbers,
  type Value,
} from '../value.ts';
import { accumulate, contiguous } from './layout.ts';
import { reduceRows } from './rows.ts';
import { reshape, transpose } from './view.ts';

export interface MatmulOptions {
  readonly alpha?: number;
  /** [n], added to every row. */
  readonly bias?: Value;
  /** Same shape as the product, added to it; its memory is reused where nobody needs it afterwards. */
  readonly addend?: Value;
  readonly activation?: Activation;
  /** Layout of the product, in elements an axis; row-major if absent. The last stride must be 1. */
  readonly strides?: readonly number[];
}

/**
 * C = activation(alpha A B + bias + addend).
 *
 * Any strides, so transposed operands and heads cost no copy; up to two batch axes, equal in A and B.
 *
 * @param a [.., m, k]   @param b [.., k, n]
 * @returns [.., m, n]
 * @throws GraphError naming both shapes if they do not fit
 */
export function matmul(graph: Graph, a: Value, b: Value, options: MatmulOptions = {}): Value {
  const m = axisLength('matmul', a, -2);
  const k = axisLength('matmul', a, -1);
  const n = axisLength('matmul', b, -1);
  const batch = a.shape.slice(0, -2);
  if (axisLength('matmul', b, -2) !== k || !sameNumbers(batch, b.shape.slice(0, -2)) || batch.length > 2)
    throw new GraphError('matmul', `expected [.., m, k] x [.., k, n], got ${formatShape(a.shape)} x ${formatShape(b.shape)}.`);
  const { alpha = 1, bias, activation = 'none' } = options;
  const shape = [...batch, m, n];
  const strides = options.strides ?? contiguousStrides(shape);
  if (strides.at(-1) !== 1 && n > 1) throw new GraphError('matmul', `the product's last stride must be 1, got ${formatShape(strides)}.`);
  if (bias !== undefined) requireShape('matmul', 'bias', bias, [n]);
  const addend = options.addend === undefined ? undefined : inLayout(graph, options.addend, strides);
  const output = graph.temporary('matmul', shape, 'f32', strides);
  if (addend !== undefined) requireSameShape('matmul', addend, output);

  const count = batch.reduce((total, length) => total * length, 1);
  return graph.add({
    operation: { kind: 'matmul', alpha, bias: bias !== undefined, addend: addend !== undefined, activation },
    inputs: [a, b, ...(bias === undefined ? [] : [bias]), ...(addend === undefined ? [] : [addend])],
    output,
    writes: [],
    overwritable: addend === undefined ? [] : [addend],
    gradient: (dy) => {
      if (activation !== 'none')
        throw new GraphError('matmul', 'a fused activation has no gradient; apply gelu as its own node in training graphs.');
      const rules: Contribution[] = [
        (sum) => productLike(graph, a, dy, transpose(graph, b), alpha, sum),
        (sum) => productLike(graph, b, transpose(graph, a), dy, alpha, sum),
      ];
      if (bias !== undefined)
        rules.push((sum) => accumulate(graph, sum, reduceRows(graph, reshape(graph, contiguous(graph, dy), [sizeOf(shape) / n, n]))));
      if (addend !== undefined) rules.push((sum) => accumulate(graph, sum, dy));
      return rules;
    },
    reference: (inputs, out) => {
      const [left = new Float64Array(), right = new Float64Array()] = inputs;
      const shift = bias === undefined ? undefined : inputs[2];
      const start = addend === undefined ? undefined : inputs.at(-1);
      for (let batchIndex = 0; batchIndex < count; batchIndex++)
        for (let i = 0; i < m; i++)
          for (let j = 0; j < n; j++) {
            let sum = 0;
            for (let p = 0; p < k; p++) sum += (left[(batchIndex * m + i) * k + p] ?? 0) * (right[(batchIndex * k + p) * n + j] ?? 0);
            const at = (batchIndex * m + i) * n + j;
            const value = alpha * sum + (shift?.[j] ?? 0) + (start?.[at] ?? 0);
            out[at] = activation === 'none' ? value : geluValue(value, activation);
          }
    },
    flops: 2 * count * m * n * k,
  });
}

/** x W^T + b for x [N, in] and W [out, in], as Hugging Face stores linear layers. */
export function linear(graph: Graph, x: Value, weight: Value, bias?: Value): Value {
  return matmul(graph, x, transpose(graph, weight), bias === undefined ? {} : { bias });
}

/** left x right (+ sum) in the layout of `operand`, whose gradient it is. */
function productLike(graph: Graph, operand: Value, left: Value, right: Value, alpha: number, sum: Value | null): Value {
  const last = operand.shape.length - 1;
  if (operand.strides[last] === 1 || operand.shape[last] === 1) {
    const strides = denseStrides(operand);
    return matmul(graph, left, right, { alpha, strides, ...(sum === null ? {} : { addend: sum }) });
  }
  // The operand is a transposed view: make the transposed product, so that its last stride is 1, and view it back.
  const flipped = transpose(graph, operand);
  const addend = sum === null ? {} : { addend: transpose(graph, sum) };
  return transpose(
    graph,
    matmul(graph, transpose(graph, right), transpose(graph, left), { alpha, strides: denseStrides(flipped), ...addend }),
  );
}

/** The operand's own strides where the last is 1, else row-major. */
function denseStrides(operand: Value): readonly number[] {
  return operand.strides.at(-1) === 1 && sizeOf(operand.shape) === operand.storage.size
    ? operand.strides
    : contiguousStrides(operand.shape);
}

function inLayout(graph: Graph, value: Value, strides: readonly number[]): Value {
  const agrees = value.shape.every((n, axis) => n === 1 || value.strides[axis] === strides[axis]);
  if (agrees) return value;
  const row = contiguous(graph, value);
  if (isContiguous({ ...row, strides })) return row;
  throw new GraphError(
    'matmul',
    `addend ${formatShape(value.shape)} has strides ${formatShape(value.strides)}, the product ${formatShape(strides)}.`,
  );
}
