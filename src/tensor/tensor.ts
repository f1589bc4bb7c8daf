import type { Shape } from './shape.ts';

/** Row-major float32 numbers with a shape. */
export interface Tensor {
  readonly shape: Shape;
  readonly data: Float32Array;
}

export type NamedTensors = ReadonlyMap<string, Tensor>;
