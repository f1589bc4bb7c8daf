import type { Tensor } from '../../src/tensor/tensor.ts';

/** Head compactors [A a', A a] with zeros off the blocks become the blocks. */
export function blocksOf(tensor: Tensor, wanted: readonly number[]): Tensor {
  if (wanted.length !== 3 || tensor.shape.length === 3) return tensor;
  const [blocks = 1, rows = 1, columns = 1] = wanted;
  const data = new Float32Array(blocks * rows * columns);
  for (let b = 0; b < blocks; b++)
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++)
        data[(b * rows + i) * columns + j] = tensor.data[(b * rows + i) * blocks * columns + b * columns + j] ?? 0;
  return { shape: wanted, data };
}
