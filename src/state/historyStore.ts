import { create } from 'zustand';
import type { RunSummary } from '../studio/api/history.ts';

export type { RunSummary };

/** Runs kept in this browser: changes when one begins, ends, or is tidied. */
export interface HistoryState {
  /** The newest first. */
  readonly runs: readonly RunSummary[];
  /** The one deleted last, which can come back. */
  readonly deleted: RunSummary | undefined;
  /** Why runs last only until this tab is closed, in words; null = they outlive it, or that is not known yet. */
  readonly whyNotKept: string | null;
}

export const useHistory = create<HistoryState>(() => ({ runs: [], deleted: undefined, whyNotKept: null }));
