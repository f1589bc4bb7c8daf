import { create } from 'zustand';
import type { SimilarityReport, SpaceNorms } from '../studio/api/run.ts';

export type { SimilarityReport, SpaceNorms };

/** Compactor norms of every space at one judging. */
export interface NormsAt {
  readonly step: number;
  readonly spaces: readonly SpaceNorms[];
}

/** What is measured when the student is judged: a few times a run. */
export interface JudgedState {
  /** The latest attention similarity, with the step it belongs to. */
  readonly similarity: { readonly step: number; readonly value: SimilarityReport } | undefined;
  /** Over the run; every other one is dropped when they become many. */
  readonly norms: readonly NormsAt[];
}

export const NOTHING_JUDGED: JudgedState = { similarity: undefined, norms: [] };

export const useJudged = create<JudgedState>(() => NOTHING_JUDGED);
