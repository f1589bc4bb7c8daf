import type { StepCost } from '../studio/api/cost.ts';
import type { EngineReport } from '../studio/api/engine.ts';
import type { Recipe } from '../studio/api/recipe.ts';
import { recalled, remember } from './remembered.ts';

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

/** What a step reaches of the speed at matrix products: norms, softmax and Adam move bytes. Measured on the demo, CPU engine. */
const STEP_SHARE = 0.5;
const KEPT = 'wid-studio-speed';

const keyOf = (engine: EngineReport): string => `${KEPT} ${engine.name} ${engine.threads}`;

/** Steps' speed before any has run: that of the last run here on this engine, or a share of what was just measured. */
export function expectedSpeed(engine: EngineReport, gflops: number): { readonly flops: number; readonly from: string } {
  const kept = Number(recalled(keyOf(engine)) ?? Number.NaN);
  return kept > 0
    ? { flops: kept, from: 'as in the last run on this engine' }
    : { flops: STEP_SHARE * gflops * 1e9, from: `half of the ${gflops.toFixed(0)} measured for matrix multiplication` };
}

export function rememberSpeed(engine: EngineReport, flops: number): void {
  remember(keyOf(engine), String(Math.round(flops)));
}
