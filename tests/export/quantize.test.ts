import { expect, test } from 'vitest';
import { BLOCK, quantizeBlocks, quantizeRows, type QuantizedBlocks } from '../../src/export/quantize.ts';
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

/** What the nibbles of a row stand for. */
function unpacked({ values, scales, blocks }: QuantizedBlocks, row: number): number[] {
  return Array.from({ length: blocks * BLOCK }, (_, i) => {
    const at = row * blocks * BLOCK + i;
    const byte = values[at >> 1] ?? Number.NaN;
    return (scales[Math.floor(at / BLOCK)] ?? Number.NaN) * ((i % 2 === 0 ? byte & 15 : byte >> 4) - 8);
  });
}

test('in four bits every value comes back within a level of its block, the farthest exactly, and what fills a row is zero', () => {
  const random = new Random(4);
  const [rows, columns] = [5, 71];
  const data = Float32Array.from({ length: rows * columns }, () => random.normal());
  const made = quantizeBlocks(data, rows);
  expect(made.blocks).toBe(3);
  expect(made.values).toHaveLength(rows * 3 * 16);
  for (let row = 0; row < rows; row++) {
    const back = unpacked(made, row);
    expect(back.slice(columns).every((value) => value === 0)).toBe(true);
    for (let block = 0; block < 3; block++) {
      const [from, to] = [block * BLOCK, Math.min(columns, (block + 1) * BLOCK)];
      const held = [...data.subarray(row * columns + from, row * columns + to)];
      const farthest = held.reduce((far, value) => (Math.abs(value) > Math.abs(far) ? value : far), 0);
      held.forEach((value, i) =>
        expect(Math.abs((back[from + i] ?? Number.NaN) - value)).toBeLessThanOrEqual((1.0001 * Math.abs(farthest)) / 8),
      );
      expect(back[from + held.indexOf(farthest)]).toBeCloseTo(farthest, 6);
    }
  }
});

test('in four bits zero stays zero, beside numbers and in a block of zeros', () => {
  const made = quantizeBlocks(Float32Array.of(0, 0, 0, -2, 0, 5), 2);
  expect(unpacked(made, 0).every((value) => value === 0)).toBe(true);
  // Negative zero is zero.
  expect(
    unpacked(made, 1)
      .slice(0, 3)
      .map((value) => value + 0),
  ).toEqual([-1.875, 0, 5]);
  expect(made.scales[0]).toBe(1);
});
