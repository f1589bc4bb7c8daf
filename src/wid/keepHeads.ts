import { parameterNames, type Blueprint } from '../models/blueprint.ts';
import type { SpaceTable } from './spaces.ts';
import type { NamedTensors, Tensor } from '../tensor/tensor.ts';

/**
 * The teacher without the heads that go: rows of query, key and value and columns of the attention output.
 *
 * @param kept ascending head indices, a list a teacher layer; layers without a list keep all
 */
export function keepHeads(
  blueprint: Blueprint,
  tensors: NamedTensors,
  headSize: number,
  kept: ReadonlyMap<number, readonly number[]>,
): Map<string, Tensor> {
  const result = new Map(tensors);
  for (const [layer, heads] of kept) {
    const dimensions = heads.flatMap((head) => Array.from({ length: headSize }, (_, i) => head * headSize + i));
    for (const module of blueprint.layer(layer)) {
      if (module.writes === 'queryKey' || module.writes === 'valueOutput')
        for (const name of parameterNames(module)) replace(result, name, (tensor) => pickRows(tensor, dimensions));
      if (module.reads === 'valueOutput') replace(result, module.weight, (tensor) => pickColumns(tensor, dimensions));
    }
  }
  return result;
}

/**
 * Kept heads by teacher layer. Mixtures of layers read every layer, so those that no student layer starts from keep
 * as many heads too: their first ones, which have weight 0 at the start.
 */
export function headsToKeep(table: SpaceTable, chosen: ReadonlyMap<number, readonly number[]>): Map<number, readonly number[]> {
  const kept = new Map(chosen);
  const { heads } = table.student;
  if (table.mixtures && heads < table.teacher.heads)
    for (let layer = 0; layer < table.teacher.layers; layer++)
      if (!kept.has(layer))
        kept.set(
          layer,
          Array.from({ length: heads }, (_, head) => head),
        );
  return kept;
}

function replace(tensors: Map<string, Tensor>, name: string, change: (tensor: Tensor) => Tensor): void {
  const tensor = tensors.get(name);
  if (tensor !== undefined) tensors.set(name, change(tensor));
}

export function pickRows(tensor: Tensor, rows: readonly number[]): Tensor {
  const width = tensor.shape[1] ?? 1;
  const data = new Float32Array(rows.length * width);
  rows.forEach((row, i) => data.set(tensor.data.subarray(row * width, (row + 1) * width), i * width));
  return { shape: [rows.length, ...tensor.shape.slice(1)], data };
}

export function pickColumns(tensor: Tensor, columns: readonly number[]): Tensor {
  const height = tensor.shape[0] ?? 1;
  const width = tensor.shape[1] ?? 1;
  const data = new Float32Array(height * columns.length);
  for (let i = 0; i < height; i++)
    columns.forEach((column, j) => {
      data[i * columns.length + j] = tensor.data[i * width + column] ?? 0;
    });
  return { shape: [height, columns.length], data };
}
