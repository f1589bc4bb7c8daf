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

/** What the next run will be called. */
export function nextName(runs: readonly RunSummary[]): string {
  const numbers = runs.map(({ name }) => Number(/^Run (?<number>\d+)$/.exec(name)?.groups?.['number'] ?? 0));
  return `Run ${Math.max(0, ...numbers) + 1}`;
}
