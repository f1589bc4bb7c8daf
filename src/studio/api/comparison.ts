import type { SimilarityReport } from './run.ts';

/** One head's attention of both models on one sentence: rows are queries, columns keys, each row sums to 1. */
export interface AttentionComparison {
  readonly tokens: readonly string[];
  readonly teacher: readonly (readonly number[])[];
  readonly student: readonly (readonly number[])[];
}

export interface MaskGuess {
  readonly word: string;
  /** 0 to 1. */
  readonly probability: number;
}

/** Attention of a student checkpoint beside its teacher's. */
export interface AttentionReport {
  readonly similarity: SimilarityReport;
  /** Teacher layer by student layer. */
  readonly layerMap: readonly number[];
  /** Of the sentence; empty without one, as are the maps. */
  readonly tokens: readonly string[];
  /** Every student head beside the teacher head `origin` that it came from: rows are queries, columns keys. */
  readonly maps: readonly {
    readonly layer: number;
    readonly head: number;
    readonly origin: number;
    readonly teacher: readonly (readonly number[])[];
    readonly student: readonly (readonly number[])[];
  }[];
}

/** Sentences by the vectors of teacher and student. */
export interface SentenceComparison {
  /** Those that are compared: different ones, evenly spaced if there are too many to show. */
  readonly sentences: readonly string[];
  /** Different sentences that were given. */
  readonly given: number;
  /** Cosine of every two vectors, -1 to 1. */
  readonly teacher: readonly (readonly number[])[];
  readonly student: readonly (readonly number[])[];
  /** Rank correlation of both, over the pairs, -1 to 1. */
  readonly correlation: number;
  /** Sentences that were longer than the teacher reads, and were cut. */
  readonly cut: number;
}

/** The likeliest words for a [MASK], best first. */
export interface FillComparison {
  readonly teacher: readonly MaskGuess[];
  readonly student: readonly MaskGuess[];
}
