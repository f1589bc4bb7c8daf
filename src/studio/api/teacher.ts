import type { HeadState, TensorUse } from '../../models/tensorMap.ts';
import type { Pooler } from '../../models/sentencePooling.ts';
import type { TaskWords } from '../../tasks/task.ts';
import type { TeacherShape } from './recipe.ts';
import type { VocabularyCut } from './text.ts';
export type { HeadState, TensorUse } from '../../models/tensorMap.ts';
export type { TaskWords } from '../../tasks/task.ts';

/** A repository of a hub with Hugging Face's URL layout. */
export interface HubRequest extends TeacherWish {
  /** `owner/name`, a name alone, or the address of its page. */
  readonly repository: string;
  /** Branch, tag or commit; `main` if none. */
  readonly revision?: string;
  /** Sent to the hub in a header; never stored, logged, or put into an address. */
  readonly token?: string;
  /** Another server of the same layout. */
  readonly endpoint?: string;
}

/** What the user wants of a teacher, if its folder does not say it. */
export interface TeacherWish {
  /** `Task.name`; if left out, vectors of sentences if the folder is sentence-transformers' or `pooler` is given, else masked words. */
  readonly task?: string;
  /** How the vectors of a sentence's tokens become one, of a folder that does not say it; the mean if left out. */
  readonly pooler?: Pooler;
  /** Name of the folder's prompt that is set before every sentence; its default one if left out. */
  readonly prompt?: string;
}

/** What arrived as a teacher. */
export interface TeacherReport {
  readonly name: string;
  readonly shape: TeacherShape;
  readonly vocabularySize: number;
  /** Tokens that every text needs: special ones and single characters. Missing in reports of older builds. */
  readonly leastVocabulary?: number;
  /** Of the parameters, those of the table of words and of the decoder. */
  readonly vocabularyParameters?: number;
  /** How its vocabulary was cut. */
  readonly cut?: VocabularyCut;
  readonly maxPositions: number;
  /** Whether its decoder is the word table. */
  readonly tiedDecoder: boolean;
  readonly parameters: number;
  /** Size of the weights as 4-byte floats, in bytes. */
  readonly bytes: number;
  /** `none`: the checkpoint holds an encoder alone. */
  readonly head: HeadState;
  /** `Task.name` of what it is compressed for; masked words if left out, as in reports of builds that had nothing else. */
  readonly task?: string;
  /** What it is compressed for and judged by, in words. */
  readonly words: TaskWords;
  /** Every tensor: those of the checkpoint in its order, then those that are missing. */
  readonly tensors: readonly TensorUse[];
  /** What the user should know of this checkpoint, in sentences: a head that is not carried over, copies that differ. */
  readonly notes: readonly string[];
  readonly ignored: readonly string[];
  readonly renamed: readonly string[];
}
