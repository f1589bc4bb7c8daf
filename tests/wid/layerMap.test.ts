import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { layerNames } from '../golden/names.ts';
import type { BertModel } from '../../src/models/model.ts';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import { keptNorms } from '../../src/training/trainingGraph.ts';
import { calibrateOnePass } from '../../src/wid/calibrate.ts';
import { gatherMoments } from '../../src/wid/moments.ts';
import { calibrateSequentially } from '../../src/wid/sequential.ts';
import { layerMapOf, spacesOf, spaceTable } from '../../src/wid/spaces.ts';
import { BATCH, SEQUENCE } from '../golden/batch.ts';
import { goldenBatch, goldenTeacher } from '../golden/load.ts';
import { relativeError } from '../../src/engines/conformance/relativeError.ts';

describe('the layers that fewer layers inherit from', () => {
  test('first begins at the first, last ends at the last, both evenly', () => {
    expect(layerMapOf(4, 2, 'first')).toEqual([0, 2]);
    expect(layerMapOf(4, 3, 'first')).toEqual([0, 1, 3]);
    expect(layerMapOf(12, 6, 'first')).toEqual([0, 2, 4, 6, 8, 10]);
    expect(layerMapOf(4, 2, 'last')).toEqual([1, 3]);
    expect(layerMapOf(12, 5, 'last')).toEqual([1, 4, 6, 9, 11]);
  });

  test('is ascending, without repetition, and whole where no layer goes', () => {
    for (const rule of ['first', 'last'] as const)
      for (let n = 1; n <= 24; n++)
        for (let ours = 1; ours <= n; ours++) {
          const map = layerMapOf(n, ours, rule);
          expect(map, `${rule} ${ours} of ${n}`).toHaveLength(ours);
          expect(
            map.every((from, j) => from >= 0 && from < n && (j === 0 || from > (map[j - 1] ?? n))),
            `${rule} ${ours} of ${n}`,
          ).toBe(true);
          expect(rule === 'first' ? map[0] : map.at(-1)).toBe(rule === 'first' ? 0 : n - 1);
          if (ours === n) expect(map).toEqual(Array.from({ length: n }, (_, j) => j));
        }
  });
});

describe('sequential calibration where the map stops before the last layer', () => {
  let engine: ReferenceEngine;
  beforeAll(() => {
    engine = new ReferenceEngine();
  });
  afterAll(() => engine.dispose());

  const batch = goldenBatch();
  const transformOf = async (teacher: BertModel): Promise<Float32Array> => {
    const table = spaceTable(spacesOf(teacher.config), { residual: 32, heads: 4, headSize: 8, inner: 48, layers: 2 }, true, 'first');
    expect(table.layerMap).toEqual([0, 2]);
    const early = { ...table, layerMap: [0, 1] };
    const moments = await gatherMoments(engine, teacher, BATCH, SEQUENCE, [batch], () => {});
    const onePass = await calibrateOnePass(teacher, early, moments, () => {});
    const norms = keptNorms(teacher.tensors, early, onePass.residual);
    const size = { batch: BATCH, sequence: SEQUENCE };
    const { compactors } = await calibrateSequentially(engine, teacher, teacher.tensors, early, onePass, norms, size, [batch], () => {});
    return compactors.get('transform.L')?.data ?? new Float32Array();
  };

  test("the transform's read aims at the teacher's end, which the student never passes through", async () => {
    const teacher = goldenTeacher();
    const name = `${layerNames(2).outputNorm}.weight`;
    const gain = teacher.tensors.get(name);
    if (gain === undefined) throw new Error(`the golden teacher has no ${name}`);
    const louder = { ...teacher, tensors: new Map([...teacher.tensors, [name, { ...gain, data: gain.data.map((x) => 2 * x) }]]) };
    const [plain, changed] = [await transformOf(teacher), await transformOf(louder)];
    expect(plain.every(Number.isFinite)).toBe(true);
    expect(relativeError(changed, plain)).toBeGreaterThan(0.1);
  });
});
