import { sizeOf } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { compactorShapes } from '../compactors.ts';
import { squareTable } from './masks.ts';
import type { SpaceTable } from '../spaces.ts';

/** Square compactors at the identity, head compactors block by block: with them the model is the teacher (docs/method.md section 6). */
export function identityCompactors(table: SpaceTable): Map<string, Tensor> {
  return new Map(
    [...compactorShapes(squareTable(table))].map(([name, shape]) => {
      const width = shape.at(-1) ?? 1;
      const data = Float32Array.from({ length: sizeOf(shape) }, (_, at) => (Math.floor(at / width) % width === at % width ? 1 : 0));
      return [name, { shape, data }] as const;
    }),
  );
}
