import { parameterNames } from '../../models/blueprint.ts';
import { sizeOf } from '../../tensor/shape.ts';
import type { NamedTensors, Tensor } from '../../tensor/tensor.ts';
import { StudioError } from '../../tensor/studioError.ts';
import { compactorShapes, normSites } from '../compactors.ts';
import type { SpaceTable } from '../spaces.ts';
import { indicesOf, type PaperMasks } from './masks.ts';
import { maskedSides, maskSpace, namedMasks } from './spaceOf.ts';

/** Heads that keep a dimension, by teacher layer; empty where all stay. */
export function keptHeads(table: SpaceTable, masks: PaperMasks): Map<number, readonly number[]> {
  if (table.student.heads === table.teacher.heads) return new Map();
  const { headSize, heads } = table.teacher;
  return new Map(
    table.layerMap.map((from, layer) => [
      from,
      Array.from({ length: heads }, (_, head) => head).filter((head) =>
        masks.attention[layer]?.subarray(head * headSize, (head + 1) * headSize).includes(1),
      ),
    ]),
  );
}

/**
 * Rectangular compactors and LayerNorms: the unmasked rows and columns of the square ones (docs/method.md section 6, merge).
 * Masked ones are only near zero, so that the model changes; by how much is measured, not assumed.
 *
 * @param masks at the student's sizes   @param square trained compactors and LayerNorms
 * @returns by the names of compactorShapes of the student's table, and the student's LayerNorms
 */
export function dropMasked(table: SpaceTable, masks: PaperMasks, square: NamedTensors): Map<string, Tensor> {
  const need = (name: string): Tensor => {
    const tensor = square.get(name);
    if (tensor === undefined) throw new StudioError('training', `paper mode: there is no tensor ${name}.`);
    return tensor;
  };
  const named = namedMasks(masks);
  const keptOf = (space: string): number[] => indicesOf(named.get(space) ?? new Uint8Array());
  const sides = maskedSides(table);
  const dropped = new Map<string, Tensor>();
  for (const [name, shape] of compactorShapes(table))
    dropped.set(name, cut(need(name), shape, writtenOrRead(name, 'rows'), writtenOrRead(name, 'columns')));
  for (const { ours } of normSites(table)) {
    const kept = keptOf(maskSpace(ours.writes, ours.layer));
    for (const name of parameterNames(ours)) {
      const { data } = need(name);
      dropped.set(name, { shape: [kept.length], data: Float32Array.from(kept, (i) => data[i] ?? 0) });
    }
  }
  return dropped;

  /** Kept indices of one side of a compactor, or null for the side that meets the teacher's matrix. */
  function writtenOrRead(name: string, side: 'rows' | 'columns'): number[] | null {
    const found = sides.get(name);
    return found?.side === side ? keptOf(found.space) : null;
  }
}

/** Rows and columns of a matrix; of head blocks [A, a, a] the kept dimensions of kept heads. */
function cut(
  { shape: whole, data }: Tensor,
  shape: readonly number[],
  rows: readonly number[] | null,
  columns: readonly number[] | null,
): Tensor {
  const [height = 1, width = 1] = whole.slice(-2);
  const values = new Float32Array(sizeOf(shape));
  if (whole.length === 2) {
    const across = columns ?? Array.from({ length: width }, (_, j) => j);
    const down = rows ?? Array.from({ length: height }, (_, i) => i);
    down.forEach((row, i) => across.forEach((column, j) => (values[i * across.length + j] = data[row * width + column] ?? 0)));
    return { shape, data: values };
  }
  const side = rows ?? columns ?? [];
  const size = rows === null ? width : height;
  let at = 0;
  for (let block = 0; block * height * width < data.length; block++) {
    const kept = side.filter((index) => Math.floor(index / size) === block).map((index) => index % size);
    if (kept.length === 0) continue;
    const down = rows === null ? Array.from({ length: height }, (_, i) => i) : kept;
    const across = rows === null ? kept : Array.from({ length: width }, (_, j) => j);
    for (const row of down) for (const column of across) values[at++] = data[(block * height + row) * width + column] ?? 0;
  }
  return { shape, data: values };
}
