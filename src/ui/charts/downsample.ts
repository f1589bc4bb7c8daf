import type { CurvePoint } from '../../state/curvesStore.ts';

/** At most about `most` points, evenly spaced, with every held-out point and both ends. */
export function downsample(points: readonly CurvePoint[], most: number): readonly CurvePoint[] {
  const every = Math.ceil(points.length / most);
  if (every <= 1) return points;
  return points.filter((point, i) => i % every === 0 || i === points.length - 1 || point.heldOutLoss !== undefined);
}
