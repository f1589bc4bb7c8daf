import { create } from 'zustand';
import type { SimilarityReport } from '../studio/studioApi.ts';

export type { SimilarityReport };

/** What is measured when the student is judged: a few times a run. */
export interface JudgedState {
  /** The latest attention similarity, with the step it belongs to. */
  readonly similarity: { readonly step: number; readonly value: SimilarityReport } | undefined;
}

export const NOTHING_JUDGED: JudgedState = { similarity: undefined };

export const useJudged = create<JudgedState>(() => NOTHING_JUDGED);
