/** The published settings that paper mode may depart from (docs/method.md section 6). */
export interface PaperSettings {
  /** Peak learning rate of the compactors. */
  readonly compactorLearningRate: number;
  /** Peak learning rate of the teacher's own weights; 0 freezes them. */
  readonly weightLearningRate: number;
  /** Steps between mask events; 0 = a 32nd of the run, rounded down. */
  readonly maskEvery: number;
  /** Strength of the penalty gradient, lambda. */
  readonly penalty: number;
  /** Share of the steps spent in linear warm-up. */
  readonly warmup: number;
  readonly weightDecay: number;
}

export const PUBLISHED: PaperSettings = {
  compactorLearningRate: 5e-5,
  weightLearningRate: 1e-6,
  maskEvery: 0,
  penalty: 20,
  warmup: 0.01,
  weightDecay: 0.01,
};

/** Steps between mask events of a run of `steps` steps. */
export function maskInterval({ maskEvery }: PaperSettings, steps: number): number {
  return maskEvery > 0 ? maskEvery : Math.max(1, Math.floor(steps / 32));
}
