import type { CurvePoint } from '../../state/curvesStore.ts';
import type { ChartKind } from './chartKinds.ts';
import { downsample } from './downsample.ts';
import { smoothLoss, type SmoothPoint } from './smoothing.ts';

/** Points drawn of a dense curve: about one for every pixel of a small screen. */
const MOST_POINTS = 360;

/** A measured curve: where it has values. */
export function curveOf(points: readonly CurvePoint[], field: ChartKind['field'] | 'chance'): readonly SmoothPoint[] {
  return points.flatMap((point) => {
    const value = point[field];
    return value === undefined ? [] : [{ step: point.step, value }];
  });
}

/** The curve that a chart draws boldly, thinned for drawing: the smoothed loss, or the measured values themselves. */
export function boldCurve(points: readonly CurvePoint[], kind: ChartKind, halfLife: number): readonly SmoothPoint[] {
  const curve = kind.field === 'loss' ? smoothLoss(points, halfLife) : curveOf(points, kind.field);
  return kind.dense ? downsample(curve, MOST_POINTS) : curve;
}

/** What recharts draws: a row a step, with whichever curves have a point there. */
export interface ChartRow {
  readonly step: number;
  readonly bold?: number;
  readonly raw?: number;
  readonly past?: number;
  readonly level?: number;
}

export function rowsOf(curves: Readonly<Partial<Record<Exclude<keyof ChartRow, 'step'>, readonly SmoothPoint[]>>>): ChartRow[] {
  const rows = new Map<number, ChartRow>();
  const add = (name: Exclude<keyof ChartRow, 'step'>, points: readonly SmoothPoint[] = []): void => {
    for (const { step, value } of points) rows.set(step, { ...rows.get(step), step, [name]: value });
  };
  add('bold', curves.bold);
  add('raw', curves.raw);
  add('past', curves.past);
  add('level', curves.level);
  // Without a row, recharts draws no level line either.
  if (rows.size === 0) return [{ step: 0 }];
  return [...rows.values()].toSorted((a, b) => a.step - b.step);
}
