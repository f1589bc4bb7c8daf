import type { BertModel } from '../models/model.ts';
import type { Runnable } from '../models/runnable.ts';
import type { NamedTensors } from '../tensor/tensor.ts';

/** For each teacher layer, the teacher heads that a model's heads came from, in order. A layer without a list kept all heads. */
export type KeptHeads = ReadonlyMap<number, readonly number[]>;

/** A larger model that is trained, and that the student is cut out of. */
export interface LargerModel {
  readonly runnable: Runnable;
  readonly heads: KeptHeads;
}

/** A student as it stands, and what belongs to it. */
export interface Student {
  readonly model: BertModel;
  /** Compactors and LayerNorms that the model was last merged from, by name; empty if there were none. */
  readonly compactors: NamedTensors;
  readonly heads: KeptHeads;
  /** Given if what is trained is not of the student's shape yet: that is then evaluated in the student's place. */
  readonly larger?: LargerModel;
}

/** What of a student is stored and exported. */
export type MergedStudent = Pick<Student, 'model' | 'compactors'>;

/** Compactors of an earlier run, which a run begins with instead of calibrating. */
export interface GivenStart {
  /** What the earlier run is called, for messages. */
  readonly name: string;
  readonly compactors: NamedTensors;
  readonly heads: KeptHeads;
}
