import { expect, test } from 'vitest';
import { quantizeRows } from '../../src/export/quantize.ts';
import { Random } from '../../src/tensor/random.ts';

test('every value comes back within a level of its row', () => {
  const random = new Random(3);
  const [rows, columns] = [7, 33];
  const data = Float32Array.from({ length: rows * columns }, (_, i) => 10 ** Math.floor(i / columns - 3) * (random.normal() + (i % 3)));
  const { values, scales, zeroPoints } = quantizeRows(data, rows);
  data.forEach((x, i) => {
    const row = Math.floor(i / columns);
    const scale = scales[row] ?? Number.NaN;
    const back = scale * ((values[i] ?? Number.NaN) - (zeroPoints[row] ?? Number.NaN));
    // Both ends are rounded with the zero point: up to one level there.
    expect(Math.abs(back - x)).toBeLessThanOrEqual(1.0001 * scale);
  });
});

test('zero stays zero, and a row of zeros has a usable scale', () => {
  const { values, scales, zeroPoints } = quantizeRows(Float32Array.of(0, 0, 0, -2, 0, 5), 2);
  expect(scales[0]).toBeGreaterThan(0);
  expect([...values.subarray(0, 3)]).toEqual([zeroPoints[0], zeroPoints[0], zeroPoints[0]]);
  expect(values[4]).toBe(zeroPoints[1]);
});

test('rows of one sign keep zero within their range', () => {
  const { scales, zeroPoints } = quantizeRows(Float32Array.of(3, 4, -3, -4), 2);
  expect([...zeroPoints]).toEqual([0, 255]);
  expect(scales[0]).toBeCloseTo(4 / 255);
});
