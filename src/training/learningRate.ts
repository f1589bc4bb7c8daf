/** Linear warm-up to `peak`, then linear decay to zero at the last step. Steps count from 0. */
export function linearSchedule(step: number, steps: number, peak: number, warmup: number): number {
  const rise = Math.max(1, Math.round(steps * warmup));
  if (step < rise) return (peak * (step + 1)) / rise;
  return (peak * (steps - step)) / Math.max(1, steps - rise);
}
