import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../../src/engines/engine.ts';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import { WasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import type { Plan } from '../../src/graph/plan.ts';
import { calibrateOnePass, type Calibration } from '../../src/wid/calibrate.ts';
import { layerGroups, readInGroups } from '../../src/wid/layerGroups.ts';
import { gatherMoments } from '../../src/wid/moments.ts';
import { spacesOf, spaceTable } from '../../src/wid/spaces.ts';
import { BATCH, SEQUENCE } from '../golden/batch.ts';
import { goldenBatch, goldenTeacher } from '../golden/load.ts';

const teacher = goldenTeacher();
const batches = [goldenBatch(), goldenBatch()];

test('layers go in like groups, one in each at least', () => {
  const layers = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
  const layer = 8 * 3072 ** 2;
  expect(layerGroups(layers, 3072, 6 * layer)).toEqual([layers.slice(0, 6), layers.slice(6)]);
  expect(layerGroups(layers, 3072, 12 * layer)).toEqual([layers]);
  expect(layerGroups(layers, 3072, 5 * layer)).toEqual([layers.slice(0, 4), layers.slice(4, 8), layers.slice(8)]);
  expect(layerGroups(layers, 3072, 1)).toEqual(layers.map((each) => [each]));
  expect(layerGroups([], 3072, 1)).toEqual([]);
});

describe.each([
  { name: 'reference', create: (): Promise<Engine> => Promise.resolve(new ReferenceEngine()) },
  { name: 'cpu', create: (): Promise<Engine> => WasmEngine.create(2) },
])('calibration in groups of layers on $name', ({ create }) => {
  let engine: Engine;
  const plans: Plan[] = [];
  beforeAll(async () => {
    const inner = await create();
    engine = {
      limits: inner.limits,
      planOptions: inner.planOptions,
      describe: () => inner.describe(),
      compile: (plan) => {
        plans.push(plan);
        return inner.compile(plan);
      },
      dispose: () => inner.dispose(),
    };
  });
  afterAll(() => engine.dispose());

  const innerSites = (): string[][] => plans.map(({ outputs }) => [...outputs.keys()].filter((name) => /^C\.\d+\.inner$/.test(name)));

  test.each([
    ['every layer', 3, [0, 1, 2]],
    ['two layers of three', 2, [0, 2]],
  ] as const)('%s: gives the numbers of one reading, bit for bit, and holds one layer at a time', async (_, layers, layerMap) => {
    const table = spaceTable(spacesOf(teacher.config), { residual: 16, heads: 2, headSize: 8, inner: 24, layers }, false, 'first');
    expect(table.layerMap).toEqual(layerMap);
    const inGroups = async (budget?: number): Promise<Calibration> => {
      plans.length = 0;
      const read = await readInGroups(engine, teacher, table.layerMap, BATCH, SEQUENCE, batches, () => () => {}, budget);
      return calibrateOnePass(teacher, table, read.moments, () => {}, read.inner);
    };
    const whole = await calibrateOnePass(
      teacher,
      table,
      await gatherMoments(engine, teacher, BATCH, SEQUENCE, batches, () => {}),
      () => {},
    );
    expect(await inGroups()).toEqual(whole);
    expect(innerSites()).toEqual([layerMap.map((layer) => `C.${layer}.inner`)]);
    expect(await inGroups(1)).toEqual(whole);
    expect(innerSites()).toEqual(layerMap.map((layer) => [`C.${layer}.inner`]));
    // A later reading holds no parameters behind its last layer, nor the head.
    expect(plans.map(({ states }) => states.has('cls.predictions.transform.dense.weight'))).toEqual(layerMap.map((layer) => layer === 0));
  });
});
