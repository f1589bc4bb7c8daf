import type { Pooler } from '../../models/sentencePooling.ts';
import type { GivenFile } from './files.ts';

export type { Pooler } from '../../models/sentencePooling.ts';

/** The files of an encoder: a sentence-transformers folder, or any checkpoint. */
export interface GivenEncoder {
  readonly name: string;
  readonly files: readonly GivenFile[];
}

/** How sentences are read. */
export interface SentenceWish {
  /** Of an encoder whose folder does not say it; the mean if none is named. */
  readonly pooler?: Pooler;
  /** Name of the folder's prompt that is set before every sentence; its default one if none is named. */
  readonly prompt?: string;
  /** Column or field that holds the sentences; chosen by name and content if none is named. */
  readonly column?: string;
}

/** How an encoder makes vectors, in words. */
export interface EncoderReport {
  readonly name: string;
  /** Numbers of a vector. */
  readonly width: number;
  /** As in `mean, normalised`. */
  readonly pooling: string;
  /** What the user should know, in sentences: an assumed pooling, sentences that were cut. */
  readonly notes: readonly string[];
}

/** Vectors of the sentences that were given. */
export interface EmbeddedSentences {
  readonly encoder: EncoderReport;
  readonly sentences: readonly string[];
  /** [N, width] row-major, little-endian float32. */
  readonly vectors: Uint8Array<ArrayBuffer>;
  readonly notices: readonly string[];
}

/** Columns of a table of scored pairs. */
export interface PairColumnNames {
  readonly first: string;
  readonly second: string;
  readonly score: string;
}

/** How an encoder's cosines follow people's scores, -1 to 1. */
export interface PairScores {
  readonly encoder: EncoderReport;
  readonly spearman: number;
  readonly pearson: number;
}

/** A student's vectors beside its teacher's, on the same sentences. */
export interface VectorComparison {
  /** Mean cosine of a sentence's two vectors; null if they are not of one width. */
  readonly cosine: number | null;
  /** Rank correlation of the pairs' cosines, -1 to 1. */
  readonly similarities: number;
  /** Shares of sentences, 0 to 1, by their neighbours among the others; null if all sentences are the same. */
  readonly neighbours: {
    /** Of this many different sentences. */
    readonly sentences: number;
    /** The nearest is the same. */
    readonly first: number;
    /** The teacher's nearest is among the student's nearest `among`. */
    readonly found: number;
    /** Mean share of the nearest `among` that both have. */
    readonly overlap: number;
    readonly among: number;
  } | null;
}

/** What scored pairs say of a teacher, and of a student beside it. */
export interface PairReport {
  readonly pairs: number;
  readonly columns: PairColumnNames;
  readonly notices: readonly string[];
  readonly teacher: PairScores;
  readonly student?: PairScores & { readonly beside: VectorComparison };
}
