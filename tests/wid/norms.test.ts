import { expect, test } from 'vitest';
import { binned, compactorNorms, sideNorms } from '../../src/wid/norms.ts';
import { spaceTable } from '../../src/wid/spaces.ts';

test('norms of rows and columns, and of head blocks end to end', () => {
  const plain = { shape: [2, 3], data: Float32Array.of(3, 0, 1, 4, 0, 1) };
  expect(sideNorms(plain, 'columns')).toEqual([5, 0, Math.SQRT2]);
  expect(sideNorms(plain, 'rows')).toEqual([Math.sqrt(10), Math.sqrt(17)]);
  const blocks = { shape: [2, 1, 2], data: Float32Array.of(1, 2, 3, 4) };
  expect(sideNorms(blocks, 'columns')).toEqual([1, 2, 3, 4]);
  expect(sideNorms(blocks, 'rows')).toEqual([Math.sqrt(5), 5]);
});

test('large spaces become 64 means that cover every dimension once', () => {
  expect(binned([1, 2, 3])).toEqual([1, 2, 3]);
  const bins = binned(Array.from({ length: 128 }, (_, i) => i));
  expect(bins).toHaveLength(64);
  expect(bins[0]).toBe(0.5);
  expect(bins[63]).toBe(126.5);
  expect(binned(Array.from({ length: 100 }, () => 1))).toEqual(Array.from({ length: 64 }, () => 1));
});

test('a selection shows as ones at the kept dimensions, by the teacher’s order', () => {
  const table = spaceTable(
    { family: undefined, residual: 4, heads: 2, headSize: 2, inner: 4, layers: 1 },
    { residual: 2, heads: 2, headSize: 1, inner: 2, layers: 1 },
    false,
    'last',
  );
  const pick = { shape: [4, 2], data: Float32Array.of(0, 0, 1, 0, 0, 0, 0, 1) };
  const value = { shape: [2, 1, 2], data: Float32Array.of(1, 0, 0, 1) };
  const report = compactorNorms(
    table,
    new Map([
      ['embeddings', pick],
      ['layer.0.value.R', value],
    ]),
  );
  expect(report).toEqual([
    { space: 'residual', layer: null, size: 4, norms: [0, 1, 0, 1] },
    { space: 'valueOutput', layer: 0, size: 4, norms: [1, 0, 0, 1] },
  ]);
});
