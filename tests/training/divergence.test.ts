import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../../src/engines/engine.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { NormLimit } from '../../src/training/normLimit.ts';
import { Trainer } from '../../src/training/trainer.ts';
import { weightTraining } from '../../src/training/trainingGraph.ts';
import { ENGINES } from '../engines/availableEngines.ts';
import { BATCH, SEQUENCE } from '../golden/batch.ts';
import { goldenBatch, goldenTeacher } from '../golden/load.ts';
import { maskedWords } from '../../src/tasks/maskedWords.ts';

const teacher = goldenTeacher();
const batch = goldenBatch();
const shape = { task: maskedWords, batch: BATCH, sequence: SEQUENCE, slots: batch.predicted };
const WORD = 'bert.embeddings.word_embeddings.weight';

/** The teacher with one tensor changed. */
function withTensor(name: string, change: (x: number, index: number) => number): Map<string, Tensor> {
  const tensor = teacher.tensors.get(name);
  if (tensor === undefined) throw new Error(`no tensor ${name}`);
  return new Map([...teacher.tensors, [name, { shape: tensor.shape, data: tensor.data.map(change) }]]);
}

describe.each(ENGINES)('numbers that are not finite on $name', ({ name, create }) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await create();
  });
  afterAll(() => engine.dispose());

  const diverges = async (tensors: Map<string, Tensor>, sentence: RegExp): Promise<void> => {
    const trainer = await Trainer.create(engine, weightTraining(teacher.config, shape, 0.01), shape, tensors);
    try {
      const before = await trainer.state();
      await expect(trainer.step([batch], 1e-3)).rejects.toThrow(sentence);
      expect(trainer.updates).toBe(0);
      const after = await trainer.state();
      for (const [key, tensor] of before) expect(after.get(key)?.data, key).toEqual(tensor.data);
    } finally {
      trainer.dispose();
    }
  };

  test('a NaN leaves weights and moments bit for bit as they were, and says what to try', async () => {
    await diverges(
      withTensor('cls.predictions.bias', (x, i) => (i === 5 ? Number.NaN : x)),
      /^run: loss is (NaN|Infinity) at step 0 .* weights are those of step 0\. Try a lower learning rate or a longer warm-up/,
    );
  });

  // 1e25 squared is beyond float32, and within float64.
  test.skipIf(name === 'reference')('so does a gradient whose norm overflows while the loss is still a number', async () => {
    await diverges(
      withTensor(WORD, (x, i) => (i < 40 * 32 ? x : 1e25 * x)),
      /^run: loss is [\d.e+]+ at step 0 \(gradient norm (Infinity|NaN)/,
    );
  });

  test('a norm a thousand times the usual is a fault, though all is finite, and leaves all as it was', async () => {
    const large = withTensor(WORD, (x) => 1e6 * x);
    const create = (norms: readonly number[]): Promise<Trainer> =>
      Trainer.create(engine, weightTraining(teacher.config, shape, 0.01), shape, large, undefined, 0, new NormLimit(norms));
    const alone = await create([]);
    const { gradientNorm } = await alone.step([batch], 1e-3);
    expect(gradientNorm).toBeGreaterThan(3000);
    alone.dispose();
    const trainer = await create([2, 3, 1]);
    const before = await trainer.state();
    await expect(trainer.step([batch], 1e-3)).rejects.toThrow(
      /^run: loss is [\d.e+]+ at step 0 \(gradient norm [\d.e+]+, usually 2\.00\)\. Stopped before the update; the weights/,
    );
    const after = await trainer.state();
    for (const [name, { data }] of before) expect(after.get(name)?.data, name).toEqual(data);
    trainer.dispose();
    const within = await create([gradientNorm / 900]);
    await within.step([batch], 1e-3);
    expect(within.updates).toBe(1);
    within.dispose();
  });

  test('a run goes on from the state before', async () => {
    const trainer = await Trainer.create(engine, weightTraining(teacher.config, shape, 0.01), shape, teacher.tensors);
    const poisoned = { ...batch, answers: Number.NaN };
    await expect(trainer.step([poisoned], 1e-3)).rejects.toMatchObject({ code: 'diverged' });
    const { loss } = await trainer.step([batch], 1e-3);
    expect(loss).toBeGreaterThan(0);
    expect(trainer.updates).toBe(1);
    trainer.dispose();
  });
});
