import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { blueprintOf } from '../../src/models/blueprint.ts';
import { Evaluator } from '../../src/analysis/evaluation.ts';
import type { BertModel } from '../../src/models/model.ts';
import { parameterShapes } from '../../src/models/model.ts';
import type { Runnable } from '../../src/models/runnable.ts';
import type { Engine } from '../../src/engines/engine.ts';
import type { NamedTensors, Tensor } from '../../src/tensor/tensor.ts';
import { gateStates, progressiveRunnable } from '../../src/training/progressiveTraining.ts';
import { mergeStudent } from '../../src/training/mergeStudent.ts';
import { keptNorms } from '../../src/training/trainingGraph.ts';
import { calibrateOnePass } from '../../src/wid/calibrate.ts';
import { keepHeads } from '../../src/wid/keepHeads.ts';
import { gatherMoments } from '../../src/wid/moments.ts';
import { shrink } from '../../src/wid/progressive/axes.ts';
import { orderTeacher } from '../../src/wid/progressive/order.ts';
import { gatesAt, openAt, sizesAt, stageGates, stagesOf } from '../../src/wid/progressive/schedule.ts';
import { spacesOf, spaceTable, studentConfig, type Spaces, type SpaceTable } from '../../src/wid/spaces.ts';
import { ENGINES } from '../engines/availableEngines.ts';
import { BATCH, SEQUENCE } from '../golden/batch.ts';
import { goldenBatch, goldenTeacher } from '../golden/load.ts';
import { maskedWords } from '../../src/tasks/maskedWords.ts';

const teacher = goldenTeacher();
const batch = goldenBatch();
const shape = { task: maskedWords, batch: BATCH, sequence: SEQUENCE, slots: batch.predicted };
const spaces = spacesOf(teacher.config);

const TABLES: readonly [string, SpaceTable][] = [
  ['dimensions', spaceTable(spaces, { residual: 16, heads: 4, headSize: 4, inner: 24, layers: 3 }, false, 'last')],
  ['whole heads, tied', spaceTable(spaces, { residual: 16, heads: 2, headSize: 8, inner: 24, layers: 3 }, true, 'last')],
  ['both', spaceTable(spaces, { residual: 12, heads: 3, headSize: 4, inner: 20, layers: 3 }, false, 'last')],
];

describe('gates', () => {
  test.each([
    [32, 16],
    [256, 64],
    [4, 3],
    [8, 8],
  ])('of %i dimensions, %i of which stay: open at first, closed at the end, never opening again', (size, keep) => {
    expect([...gatesAt(size, keep, 0)]).toEqual(Array.from({ length: size }, () => 1));
    expect([...gatesAt(size, keep, 1)]).toEqual(Array.from({ length: size }, (_, i) => (i < keep ? 1 : 0)));
    let before = gatesAt(size, keep, 0);
    for (let t = 0.01; t <= 1; t += 0.01) {
      const now = gatesAt(size, keep, t);
      now.forEach((gate, i) => {
        expect(gate).toBeLessThanOrEqual(before[i] ?? 0);
        // Those that go first are never more open than those that go later.
        if (i > 0) expect(gate).toBeLessThanOrEqual(now[i - 1] ?? 0);
      });
      before = now;
    }
  });

  test('most go early: half of the ramp leaves an eighth of the cubic schedule', () => {
    // (1 - 1/2)^3 = 1/8 of the 192 that the front passes are ahead of it.
    expect(openAt(256, 128, 0.5)).toBe(256 - (192 - 24 - 64 + 1));
  });

  test('stages end where a further quarter is closed, and together they are the ramp', () => {
    const [, table] = TABLES[0] ?? [];
    if (table === undefined) throw new Error('no table');
    const stages = stagesOf(table, 60);
    expect(stages.map(({ first }) => first)).toEqual([0, ...stages.slice(0, -1).map(({ last }) => last)]);
    expect(stages.at(-1)?.last).toBe(60);
    // Whole steps: a stage begins at the first one by which its quarter has closed.
    const closed = stages.map(({ sizes }) => (32 - sizes.residual) / 16);
    closed.forEach((share, stage) => {
      expect(share).toBeGreaterThanOrEqual(stage / 4);
      expect(share).toBeLessThan((stage + 1) / 4);
    });
    // A ramp of no steps has no stages; one of few steps has fewer.
    expect(stagesOf(table, 0)).toEqual([]);
    expect(stagesOf(table, 2).length).toBeLessThan(4);
  });
});

describe.each(ENGINES)('the path from teacher to student on $name', ({ name: engineName, create }) => {
  const tolerance = engineName === 'reference' ? 1e-6 : 2e-5;
  let engine: Engine;
  beforeAll(async () => {
    engine = await create();
  });
  afterAll(() => engine.dispose());

  const lossOf = async (model: BertModel | Runnable): Promise<number> => {
    const evaluator = await Evaluator.create(engine, model, shape);
    evaluator.writeTypes(batch.typeIds);
    const { loss } = await evaluator.evaluate([batch]);
    evaluator.dispose();
    return loss;
  };
  const ordered = async (table: SpaceTable): Promise<Map<string, Tensor>> => {
    const moments = await gatherMoments(engine, teacher, BATCH, SEQUENCE, [batch], () => {});
    const onePass = await calibrateOnePass(teacher, table, moments, async () => {});
    return orderTeacher(teacher, table, moments, onePass).tensors;
  };
  const gated = (table: SpaceTable, tensors: NamedTensors, sizes: Spaces, t: number): Runnable =>
    progressiveRunnable(teacher.config, sizes, table.tied, new Map([...tensors, ...gateStates(stageGates(table, sizes, t))]));

  test.each(TABLES)('%s: it begins at the teacher', async (_, table) => {
    const whole = { ...table.teacher, layers: table.student.layers };
    // The basis of the head factors divides by singular values that 38 tokens leave small.
    expect(Math.abs((await lossOf(gated(table, await ordered(table), whole, 0))) / (await lossOf(teacher)) - 1)).toBeLessThan(
      Math.max(1e-4, tolerance),
    );
  });

  test.each(TABLES)('%s: untrained, it ends at the student of the one-pass calibration', async (_, table) => {
    const whole = { ...table.teacher, layers: table.student.layers };
    const moments = await gatherMoments(engine, teacher, BATCH, SEQUENCE, [batch], () => {});
    const onePass = await calibrateOnePass(teacher, table, moments, async () => {});
    const theirs = keepHeads(blueprintOf(teacher.config), teacher.tensors, spaces.headSize, onePass.heads);
    const start = new Map([...onePass.compactors, ...keptNorms(teacher.tensors, table, onePass.residual)]);
    // The calibration's ridge shrinks kept dimensions a little, too; a gate leaves them as they are.
    for (const [name, { shape: dims, data }] of start) {
      if (!name.endsWith('.L') || dims.length !== 2) continue;
      const layer = /^layer\.(\d+)\.output\.L$/.exec(name)?.[1];
      const kept = layer === undefined ? onePass.residual : (onePass.inner[Number(layer)] ?? []);
      kept.forEach((row, i) =>
        data.fill(0, row * kept.length, (row + 1) * kept.length).fill(1, row * kept.length + i, row * kept.length + i + 1),
      );
    }
    const calibrated = await lossOf(await mergeStudent(engine, teacher, theirs, table, start));
    const ended = await lossOf(gated(table, orderTeacher(teacher, table, moments, onePass).tensors, whole, 1));
    // Two ways through float32 closed forms that 38 tokens leave to their ridge.
    expect(Math.abs(ended / calibrated - 1)).toBeLessThan(1e-4);
  });

  test.each(TABLES)('%s: removing closed dimensions changes nothing, at every stage and at the end', async (_, table) => {
    const whole = { ...table.teacher, layers: table.student.layers };
    const tensors = await ordered(table);
    for (const t of [0.3, 0.5, 0.7]) {
      const sizes = sizesAt(table, t);
      expect(sizes.residual).toBeLessThan(whole.residual);
      const before = await lossOf(gated(table, tensors, whole, t));
      const after = await lossOf(gated(table, shrink(tensors, whole, sizes), sizes, t));
      expect(Math.abs(after / before - 1), `at ${t}`).toBeLessThan(tolerance);
    }
    const config = studentConfig(teacher.config, table);
    const shapes = parameterShapes(config);
    const small = shrink(tensors, whole, table.student);
    const student: BertModel = { config, tensors: new Map([...small].filter(([name]) => shapes.has(name))) };
    expect([...student.tensors.keys()].toSorted()).toEqual([...shapes.keys()].toSorted());
    expect(Math.abs((await lossOf(student)) / (await lossOf(gated(table, tensors, whole, 1))) - 1)).toBeLessThan(tolerance);
  });
});
