/** How the rate falls after warm-up. */
export type RateDecay = 'linear' | 'cosine';

export const RATE_DECAYS = ['linear', 'cosine'] as const satisfies readonly RateDecay[];

/**
 * Linear warm-up to `peak`, then decay to zero at the end: a straight line, or half a cosine. Steps count from 0.
 *
 * @param warmup share of the steps, 0 to 1
 */
export function learningRateAt(step: number, steps: number, peak: number, warmup: number, decay: RateDecay): number {
  const rise = Math.max(1, Math.round(steps * warmup));
  if (step < rise) return (peak * (step + 1)) / rise;
  const left = (steps - step) / Math.max(1, steps - rise);
  return decay === 'linear' ? peak * left : (peak * (1 - Math.cos(Math.PI * left))) / 2;
}
