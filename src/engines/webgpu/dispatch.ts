import type { Shader } from './shader.ts';

/** Memory that a program owns: a slab of the plan, one of its scratch areas, or a table that the host fills once. */
export type BufferPlace = { readonly kind: 'slab'; readonly slab: number } | { readonly kind: 'area' | 'table'; readonly number: number };

/** A range of a buffer, in bytes; `offset` is aligned for binding. */
export interface BoundRange {
  readonly place: BufferPlace;
  readonly offset: number;
  readonly size: number;
  /** For messages: the tensor that lies here. */
  readonly label: string;
}

/** A word of a kernel's sizes: whole numbers as they are, floats marked. */
export type Word = number | { readonly float: number };

export const float = (value: number): Word => ({ float: value });

/** One run of one kernel. */
export interface Dispatch {
  readonly shader: Shader;
  /** The uniform at binding 0. */
  readonly sizes: readonly Word[];
  readonly bindings: ReadonlyMap<number, BoundRange>;
  readonly groups: readonly [number, number, number];
  /** Of the operation, for pacing submissions; several dispatches of one operation share it. */
  readonly flops: number;
  /** The operation that it belongs to, for timings and messages. */
  readonly label: string;
}

/** Every dispatch's sizes lie in one buffer, each at its own aligned place. */
export const UNIFORM_BYTES = 256;

/** Groups in a line as a plane, since an axis holds few: kernels compute `y * groups.x + x` and check the end. */
export function plane(groups: number, mostAnAxis: number): [number, number, number] {
  if (groups <= mostAnAxis) return [Math.max(1, groups), 1, 1];
  const rows = Math.ceil(groups / mostAnAxis);
  return [Math.ceil(groups / rows), rows, 1];
}

export function packWords(words: readonly Word[], into: DataView, offset: number): void {
  words.forEach((word, index) => {
    if (typeof word === 'number') into.setUint32(offset + 4 * index, word, true);
    else into.setFloat32(offset + 4 * index, word.float, true);
  });
}
