import { create } from 'zustand';

export interface Progress {
  readonly stage: string;
  readonly done: number;
  readonly total: number;
}

/** The numbers of the moment: published at most five times a second. */
export interface ProgressState {
  readonly progress: Progress | undefined;
  readonly step: number;
  readonly loss: number | undefined;
  readonly tokensPerSecond: number | undefined;
  readonly secondsLeft: number | undefined;
  /** When the run began, by `performance.now()`. */
  readonly startedAt: number;
}

export const NO_PROGRESS: ProgressState = {
  progress: undefined,
  step: 0,
  loss: undefined,
  tokensPerSecond: undefined,
  secondsLeft: undefined,
  startedAt: 0,
};

export const useProgress = create<ProgressState>(() => NO_PROGRESS);
