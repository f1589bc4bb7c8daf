import type { Recipe, StepCost } from '../studio/studioApi.ts';

/** What a run would take on an engine whose speed is known. */
export interface Forecast {
  /** Of the longest kind of step. */
  readonly secondsPerStep: number;
  /** All steps; calibration and judging come on top. */
  readonly seconds: number;
  /** Most memory that a phase takes, in bytes. */
  readonly bytes: number;
}

/**
 * Time from counted work and measured speed.
 * @param speed floating-point operations a second; undefined = not known yet, and the times are NaN
 */
export function forecast(costs: readonly StepCost[], speed: number | undefined): Forecast {
  const each = costs.map(({ flops }) => flops / (speed ?? Number.NaN));
  return {
    secondsPerStep: Math.max(0, ...each),
    seconds: costs.reduce((sum, { steps }, i) => sum + steps * (each[i] ?? 0), 0),
    bytes: Math.max(0, ...costs.map(({ bytes }) => bytes)),
  };
}

/** Operations a second that a step of a run really did: what the next forecast goes by. */
export function speedOf(costs: readonly StepCost[], phase: StepCost['phase'], recipe: Recipe, tokensPerSecond: number): number | undefined {
  const cost = costs.find((candidate) => candidate.phase === phase);
  return cost === undefined || tokensPerSecond <= 0 ? undefined : (cost.flops * tokensPerSecond) / (recipe.batch * recipe.sequence);
}
