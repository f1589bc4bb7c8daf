import type { SmoothPoint } from './smoothing.ts';

/**
 * At most `most` points (at least 4): the curve is cut into stretches of equal length, and of each the lowest and the highest
 * point stay, so that no spike is lost. Both ends stay.
 */
export function downsample(points: readonly SmoothPoint[], most: number): readonly SmoothPoint[] {
  const first = points[0];
  const last = points.at(-1);
  if (points.length <= most || first === undefined || last === undefined) return points;
  const stretches = Math.floor((most - 2) / 2);
  const kept: SmoothPoint[] = [first];
  for (let stretch = 0; stretch < stretches; stretch++) {
    const from = 1 + Math.floor((stretch * (points.length - 2)) / stretches);
    const to = 1 + Math.floor(((stretch + 1) * (points.length - 2)) / stretches);
    let low = points[from];
    let high = low;
    for (const point of points.slice(from, to)) {
      if (low !== undefined && point.value < low.value) low = point;
      if (high !== undefined && point.value > high.value) high = point;
    }
    if (low === undefined || high === undefined) continue;
    if (low.step === high.step) kept.push(low);
    else if (low.step < high.step) kept.push(low, high);
    else kept.push(high, low);
  }
  kept.push(last);
  return kept;
}
