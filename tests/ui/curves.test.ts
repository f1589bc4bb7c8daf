import { array, assert, double, integer, property } from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CurvePoint } from '../../src/state/curvesStore.ts';
import { valueAt } from '../../src/ui/charts/crosshair.ts';
import { downsample } from '../../src/ui/charts/downsample.ts';
import { smoothLoss } from '../../src/ui/charts/smoothing.ts';
import { csvCell } from '../../src/ui/figure/saveFile.ts';
import { slowness, work } from '../pace.ts';

const curve = (loss: (step: number) => number, steps: number, every = 1): CurvePoint[] =>
  Array.from({ length: Math.floor(steps / every) }, (_, i) => ({ step: (i + 1) * every, loss: loss((i + 1) * every) }));

/** The definition, spelled out: every step before weighs half as much per half-life. */
function slow(points: readonly CurvePoint[], at: number, halfLife: number): number {
  let sum = 0;
  let weights = 0;
  for (const { step, loss = 0 } of points.slice(0, at + 1)) {
    const weight = 0.5 ** (((points[at]?.step ?? 0) - step) / halfLife);
    sum += weight * loss;
    weights += weight;
  }
  return sum / weights;
}

describe('the smoothed loss', () => {
  test('is the weighted mean of its definition', () => {
    const points = curve((step) => Math.sin(step) + 5, 60);
    smoothLoss(points, 7).forEach(({ value }, i) => expect(value).toBeCloseTo(slow(points, i, 7), 10));
  });

  test('has no lean at its start: a level curve stays level', () => {
    assert(
      property(double({ min: -50, max: 50, noNaN: true }), integer({ min: 1, max: 40 }), (level, every) => {
        for (const { value } of smoothLoss(
          curve(() => level, 200, every),
          20,
        ))
          expect(value).toBeCloseTo(level, 8);
      }),
    );
  });

  test('does not depend on how often the curve was sampled', () => {
    // Level within every ten steps, so that the tenth of them tells as much as all ten.
    const falling = (step: number): number => 3 + 4 * Math.exp(-Math.ceil(step / 10) / 40);
    const dense = new Map(smoothLoss(curve(falling, 4000), 150).map(({ step, value }) => [step, value]));
    const sparse = smoothLoss(curve(falling, 4000, 10), 150);
    expect(sparse).toHaveLength(400);
    for (const { step, value } of sparse) expect(value).toBeCloseTo(dense.get(step) ?? Number.NaN, 8);
  });

  test('passes over steps without a loss', () => {
    expect(
      smoothLoss(
        [
          { step: 0, heldOutLoss: 9 },
          { step: 1, loss: 2 },
        ],
        5,
      ),
    ).toEqual([{ step: 1, value: 2 }]);
  });
});

describe('a thinned curve', () => {
  test('keeps both ends, its highest and its lowest point, in order, and no more points than asked for', () => {
    assert(
      property(array(double({ min: -9, max: 9, noNaN: true }), { maxLength: 3000 }), integer({ min: 4, max: 400 }), (values, most) => {
        const points = values.map((value, step) => ({ step, value }));
        const thin = downsample(points, most);
        expect(thin.length).toBeLessThanOrEqual(Math.max(most, 4));
        expect(thin[0]).toEqual(points[0]);
        expect(thin.at(-1)).toEqual(points.at(-1));
        if (points.length > 0) {
          expect(Math.max(...thin.map(({ value }) => value))).toBe(Math.max(...values));
          expect(Math.min(...thin.map(({ value }) => value))).toBe(Math.min(...values));
        }
        expect(thin.every((point, i) => i === 0 || point.step > (thin[i - 1]?.step ?? 0))).toBe(true);
      }),
    );
  });
});

test('a hundred thousand steps are smoothed and thinned in less time than a frame of a tenth of a second', () => {
  const points = curve((step) => 3 + Math.sin(step), 100_000);
  const slower = slowness(work());
  const begun = performance.now();
  expect(downsample(smoothLoss(points, 50), 400).length).toBeLessThanOrEqual(400);
  expect(performance.now() - begun).toBeLessThan(100 * slower);
});

test('the crosshair reads the last value at or before its step', () => {
  const points = [0, 10, 20].map((step) => ({ step, value: step / 10 }));
  expect([0, 9, 10, 19, 20, 99].map((step) => valueAt(points, step))).toEqual([0, 0, 1, 1, 2, 2]);
  expect(valueAt(points, -1)).toBeUndefined();
});

test('a CSV cell quotes what would break the table, and keeps a spreadsheet from running what came from a file', () => {
  expect(csvCell('a "b", c')).toBe('"a ""b"", c"');
  expect(csvCell('=HYPERLINK("http://x")')).toBe(`"'=HYPERLINK(""http://x"")"`);
  expect(csvCell(-0.5)).toBe('-0.5');
});
