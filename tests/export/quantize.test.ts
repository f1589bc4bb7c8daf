import { expect, test } from 'vitest';
import { BLOCK, quantizeBlocks, quantizeRows, type QuantizedBlocks } from '../../src/export/quantize.ts';
import { Random } from '../../src/tensor/random.ts';

const random = new Random(3);
const [rows, columns] = [7, 33];
const data = Float32Array.from({ length: rows * columns }, (_, i) => 10 ** Math.floor(i / columns - 3) * (random.normal() + (i % 3)));

const row = (of: ArrayLike<number>, at: number, width = columns): number[] => Array.from(of).slice(at * width, (at + 1) * width);

function loss(values: readonly number[], scale: number, wanted: readonly number[]): number {
  return wanted.reduce((sum, x, i) => sum + (scale * (values[i] ?? Number.NaN) - x) ** 2, 0);
}

test('what is looked up comes back within half a step of its row, and uses all of a byte', () => {
  const { values, scales } = quantizeRows(data, rows, false);
  data.forEach((x, i) => {
    const scale = scales[Math.floor(i / columns)] ?? Number.NaN;
    expect(Math.abs(scale * (values[i] ?? Number.NaN) - x)).toBeLessThanOrEqual(0.5001 * scale);
  });
  for (let at = 0; at < rows; at++) expect(Math.max(...row(values, at).map(Math.abs))).toBe(127);
});

test('what is multiplied loses no more than at the scale at which every pair fits, or with all pairs cut', () => {
  const { values, scales } = quantizeRows(data, rows, true);
  for (let at = 0; at < rows; at++) {
    const wanted = row(data, at);
    const most = Math.max(...wanted.map(Math.abs));
    const pair = Math.max(...wanted.flatMap((x, i) => (i % 2 === 0 && i + 1 < columns ? [Math.abs(x + (wanted[i + 1] ?? 0))] : [])));
    const fits = Math.max(most / 127, pair / 128);
    const plain = wanted.map((x) => Math.max(-127, Math.min(127, Math.round(x / fits))));
    // A pair may still be one step too much after rounding.
    expect(loss(row(values, at), scales[at] ?? Number.NaN, wanted)).toBeLessThanOrEqual(1.05 * loss(plain, fits, wanted));
  }
});

test('the two neighbours of a row that is multiplied never leave 16 bits, whatever the activations are', () => {
  let cut = 0;
  for (let seed = 0; seed < 200; seed++) {
    const drawn = new Random(seed);
    const width = 2 + (seed % 7);
    const line = Float32Array.from({ length: width }, () => drawn.normal() ** 3 + (seed % 5) - 2);
    const { values } = quantizeRows(line, 1, true);
    for (let i = 0; i + 1 < width; i += 2) {
      const [a = 0, b = 0] = values.subarray(i, i + 2);
      const sums = [255 * (Math.max(a, 0) + Math.max(b, 0)), 255 * (Math.min(a, 0) + Math.min(b, 0))];
      expect(Math.max(...sums)).toBeLessThanOrEqual(32_767);
      expect(Math.min(...sums)).toBeGreaterThanOrEqual(-32_768);
      if (Math.abs(a + b) === 128) cut += 1;
    }
  }
  // The rule was needed.
  expect(cut).toBeGreaterThan(20);
});

test('only neighbours that are added together share a byte, and those of opposite signs do not', () => {
  expect([...quantizeRows(Float32Array.of(1, -1, 1), 1, true).values]).toEqual([127, -127, 127]);
  expect([...quantizeRows(Float32Array.of(0, 1, 1, 0), 1, true).values]).toEqual([0, 127, 127, 0]);
  expect([...quantizeRows(Float32Array.of(1, 1, -1), 1, true).values]).toEqual([64, 64, -64]);
  expect([...quantizeRows(Float32Array.of(-1, -1, 1), 1, true).values]).toEqual([-64, -64, 64]);
});

test('zero stays zero, and a row of zeros has a usable scale', () => {
  const { values, scales } = quantizeRows(Float32Array.of(0, 0, 0, -2, 0, 5), 2, true);
  expect(scales[0]).toBeGreaterThan(0);
  expect([...values.subarray(0, 3)]).toEqual([0, 0, 0]);
  expect([...values.subarray(3)]).toEqual([-51, 0, 127]);
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
