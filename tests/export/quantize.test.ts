import { expect, test } from 'vitest';
import { quantizeRows } from '../../src/export/quantize.ts';
import { Random } from '../../src/tensor/random.ts';

const random = new Random(3);
const [rows, columns] = [7, 33];
const data = Float32Array.from({ length: rows * columns }, (_, i) => 10 ** Math.floor(i / columns - 3) * (random.normal() + (i % 3)));

test.each([true, false])('every value comes back within half a step of its row, multiplied %s', (multiplied) => {
  const { values, scales } = quantizeRows(data, rows, multiplied);
  data.forEach((x, i) => {
    const scale = scales[Math.floor(i / columns)] ?? Number.NaN;
    expect(Math.abs(scale * (values[i] ?? Number.NaN) - x)).toBeLessThanOrEqual(0.5001 * scale);
  });
});

test('a row that is looked up uses all of a byte', () => {
  const { values } = quantizeRows(data, rows, false);
  for (let row = 0; row < rows; row++) expect(Math.max(...values.subarray(row * columns, (row + 1) * columns).map(Math.abs))).toBe(127);
});

test('two neighbours of a row that is multiplied never leave 16 bits, whatever the activations are', () => {
  for (let seed = 0; seed < 200; seed++) {
    const drawn = new Random(seed);
    const width = 2 + (seed % 7);
    const row = Float32Array.from({ length: width }, () => drawn.normal() ** 3 + (seed % 5));
    const { values } = quantizeRows(row, 1, true);
    for (let i = 0; i + 1 < width; i++) {
      const [a = 0, b = 0] = values.subarray(i, i + 2);
      expect(255 * (Math.max(a, 0) + Math.max(b, 0))).toBeLessThanOrEqual(32_767);
      expect(255 * (Math.min(a, 0) + Math.min(b, 0))).toBeGreaterThanOrEqual(-32_768);
    }
  }
});

test('neighbours of opposite signs do not share a byte', () => {
  expect([...quantizeRows(Float32Array.of(1, -1, 1), 1, true).values]).toEqual([127, -127, 127]);
  expect([...quantizeRows(Float32Array.of(1, 1, -1), 1, true).values]).toEqual([64, 64, -64]);
});

test('zero stays zero, and a row of zeros has a usable scale', () => {
  const { values, scales } = quantizeRows(Float32Array.of(0, 0, 0, -2, 0, 5), 2, true);
  expect(scales[0]).toBeGreaterThan(0);
  expect([...values.subarray(0, 3)]).toEqual([0, 0, 0]);
  expect([...values.subarray(3)]).toEqual([-51, 0, 127]);
});
