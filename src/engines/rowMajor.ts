import { contiguousStrides, isContiguous, type Value } from '../graph/value.ts';

/**
 * Copies a strided value out in row-major order.
 * @param memory of the value's storage   @param out as long as the value has elements
 */
export function rowMajor<T extends Float32Array | Int32Array>(value: Value, memory: T, out: T): T {
  if (isContiguous(value)) {
    out.set(memory);
    return out;
  }
  const steps = contiguousStrides(value.shape);
  for (let at = 0; at < out.length; at++) {
    let place = 0;
    steps.forEach((step, axis) => {
      place += (Math.floor(at / step) % (value.shape[axis] ?? 1)) * (value.strides[axis] ?? 0);
    });
    out[at] = memory[place] ?? 0;
  }
  return out;
}
