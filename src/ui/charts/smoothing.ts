import type { CurvePoint } from '../../state/curvesStore.ts';

/** A point of a smoothed curve. */
export interface SmoothPoint {
  readonly step: number;
  readonly value: number;
}

/**
 * Exponential average over steps, not over samples: a point's weight halves every `halfLife` steps however many points lie
 * between; a point stands for the steps since the one before it. Dividing by the weight gathered so far takes the
 * lean towards zero off the start (the bias correction of Adam, and of TensorBoard's smoothing).
 *
 * @param points by step, rising; those without a loss are passed over
 * @param halfLife steps, above 0; 0 = no smoothing
 */
export function smoothLoss(points: readonly CurvePoint[], halfLife: number): readonly SmoothPoint[] {
  const smooth: SmoothPoint[] = [];
  let average = 0;
  let weight = 0;
  let before = 0;
  for (const { step, loss } of points) {
    if (loss === undefined) continue;
    const keep = halfLife === 0 ? 0 : 0.5 ** (Math.max(1, step - before) / halfLife);
    average = keep * average + (1 - keep) * loss;
    weight = keep * weight + (1 - keep);
    before = step;
    smooth.push({ step, value: average / weight });
  }
  return smooth;
}
