import { formatShape, sizeOf, type Shape } from '../tensor/shape.ts';
import { StudioError } from '../tensor/studioError.ts';

export type DType = 'f32' | 'i32';

/**
 * Memory that values read and write.
 * `input` is written before a run, `state` survives runs, `temporary` lives between its first and last use.
 */
export interface Storage {
  readonly id: number;
  readonly kind: 'input' | 'state' | 'temporary';
  readonly label: string;
  /** Elements; of 4 bytes each, unless an engine stores them otherwise. */
  readonly size: number;
  /** A state that no step changes and that may be rounded: an engine that is asked to stores it in half precision. */
  readonly frozen?: true;
}

/** A strided window onto a storage. Strides are in elements; single assignment. */
export interface Value {
  readonly storage: Storage;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly strides: readonly number[];
}

/** A graph that cannot be built: who, what was expected, what came. */
export class GraphError extends StudioError {
  constructor(operation: string, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super('graph', `${operation}: ${message}`, details);
  }
}

export function contiguousStrides(shape: Shape): number[] {
  const strides: number[] = [];
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= shape[axis] ?? 1;
  }
  return strides;
}

export function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i]);
}

/** True when the value's elements lie in row-major order. Axes of length 1 may have any stride. */
export function isContiguous(value: Value): boolean {
  const wanted = contiguousStrides(value.shape);
  return value.shape.every((n, axis) => n === 1 || value.strides[axis] === wanted[axis]);
}

/** True when the value covers its storage exactly once, in any order of axes. */
export function isDense(value: Value): boolean {
  if (sizeOf(value.shape) !== value.storage.size) return false;
  const axes = value.shape
    .map((n, axis) => ({ n, stride: value.strides[axis] ?? 0 }))
    .filter((axis) => axis.n > 1)
    .toSorted((a, b) => a.stride - b.stride);
  let step = 1;
  for (const axis of axes) {
    if (axis.stride !== step) return false;
    step *= axis.n;
  }
  return true;
}

export function requireContiguous(operation: string, name: string, value: Value): void {
  if (isContiguous(value)) return;
  throw new GraphError(
    operation,
    `${name} ${formatShape(value.shape)} must be row-major, got strides ${formatShape(value.strides)}. Merge heads or copy it first.`,
  );
}

export function requireSameShape(operation: string, a: Value, b: Value): void {
  if (sameNumbers(a.shape, b.shape)) return;
  throw new GraphError(operation, `expected equal shapes, got ${formatShape(a.shape)} and ${formatShape(b.shape)}.`);
}

export function requireShape(operation: string, name: string, value: Value, expected: Shape): void {
  if (sameNumbers(value.shape, expected)) return;
  throw new GraphError(operation, `${name}: expected ${formatShape(expected)}, got ${formatShape(value.shape)}.`);
}

/** Length of an axis; negative axes count from the end. */
export function axisLength(operation: string, value: Value, axis: number): number {
  const length = value.shape[axis < 0 ? value.shape.length + axis : axis];
  if (length === undefined) throw new GraphError(operation, `axis ${axis} does not exist in ${formatShape(value.shape)}.`);
  return length;
}
