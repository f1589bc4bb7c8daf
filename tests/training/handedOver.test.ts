import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../../src/engines/engine.ts';
import type { TaskBatch } from '../../src/tasks/task.ts';
import { Trainer } from '../../src/training/trainer.ts';
import { weightTraining } from '../../src/training/trainingGraph.ts';
import { ENGINES } from '../engines/availableEngines.ts';
import { BATCH, SEQUENCE } from '../golden/batch.ts';
import { goldenBatch, goldenTeacher } from '../golden/load.ts';
import { maskedWords } from '../../src/tasks/maskedWords.ts';

const teacher = goldenTeacher();
const batch = goldenBatch();
const shape = { task: maskedWords, batch: BATCH, sequence: SEQUENCE, slots: batch.predicted };
/** Its mean is over a number of answers that is none, so that loss and gradients are not finite. */
const poisoned: TaskBatch = { ...batch, answers: Number.NaN };

describe.each(ENGINES)('steps handed over on $name', ({ create }) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await create();
  });
  afterAll(() => engine.dispose());

  const trainer = (): Promise<Trainer> => Trainer.create(engine, weightTraining(teacher.config, shape, 0.01), shape, teacher.tensors);

  test('give the numbers of steps that were waited for, bit for bit', async () => {
    const [waited, handed] = [await trainer(), await trainer()];
    const expected = [];
    for (const rate of [1e-3, 2e-3, 3e-3]) expected.push(await waited.step([batch], rate));
    for (const rate of [1e-3, 2e-3, 3e-3]) await handed.handOver([batch], rate);
    expect(handed.onTheWay).toBe(3);
    const got = [await handed.settle(), await handed.settle(), await handed.settle()];
    expect(got).toEqual(expected);
    expect(await handed.state()).toEqual(await waited.state());
    await expect(handed.settle()).rejects.toThrow(/no step is on the way/);
    waited.dispose();
    handed.dispose();
  });

  test('leave the weights as they were after one that is not finite, however many are behind it', async () => {
    const [waited, handed] = [await trainer(), await trainer()];
    const first = await waited.step([batch], 1e-3);
    for (const each of [batch, poisoned, batch, batch]) await handed.handOver([each], 1e-3);
    expect(await handed.settle()).toEqual(first);
    await expect(handed.settle()).rejects.toThrow(/weights are those of step 1\./);
    expect(handed).toMatchObject({ updates: 1, onTheWay: 0 });
    expect(await handed.state()).toEqual(await waited.state());
    // And they go on from there.
    expect(await handed.step([batch], 1e-3)).toEqual(await waited.step([batch], 1e-3));
    expect(await handed.state()).toEqual(await waited.state());
    waited.dispose();
    handed.dispose();
  });
});
