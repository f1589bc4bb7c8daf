import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../../src/engines/engine.ts';
import { plan } from '../../src/graph/plan.ts';
import { Random } from '../../src/tensor/random.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { maskBatch, maskedSlots, splitBatch } from '../../src/text/maskedBatch.ts';
import type { TextTokenizer } from '../../src/text/tokenizer.ts';
import { Trainer } from '../../src/training/trainer.ts';
import {
  compactorTraining,
  distillationTraining,
  FROZEN_TEACHER,
  weightTraining,
  type TrainingGraph,
} from '../../src/training/trainingGraph.ts';
import { spacesOf, spaceTable, studentConfig } from '../../src/wid/spaces.ts';
import { ENGINES } from '../engines/availableEngines.ts';
import { goldenTeacher } from '../golden/load.ts';
import { maskedBatch, maskedWords } from '../../src/tasks/maskedWords.ts';

const SEQUENCE = 16;
const BATCH = 6;
const PARTS = 3;
const teacher = goldenTeacher();
const table = spaceTable(spacesOf(teacher.config), { residual: 16, heads: 4, headSize: 4, inner: 24, layers: 3 }, false, 'last');
const config = studentConfig(teacher.config, table);
const shapeOf = (parts: number) => ({
  task: maskedWords,
  batch: BATCH / parts,
  sequence: SEQUENCE,
  slots: maskedSlots(BATCH / parts, SEQUENCE, 0.15),
});

const tokenizer: TextTokenizer = {
  vocabularySize: teacher.config.vocabSize,
  special: { pad: 0, unknown: 1, classify: 2, separate: 3, mask: 4 },
  encode: () => [],
  token: String,
  isContinuation: () => false,
};

/** Sequences of different lengths, so that the parts predict different numbers of tokens. */
function batchOf(seed: number) {
  const random = new Random(seed);
  const ids = new Int32Array(BATCH * SEQUENCE);
  for (let row = 0; row < BATCH; row++)
    for (let at = 0; at < SEQUENCE - 2 * row; at++) ids[row * SEQUENCE + at] = 5 + random.integer(tokenizer.vocabularySize - 5);
  return maskBatch({ ids }, SEQUENCE, tokenizer, random, { probability: 0.15, wholeWords: false });
}

/** Small random weights; LayerNorm gains near 1. */
function tensorsOf({ trained, frozen }: TrainingGraph): Map<string, Tensor> {
  const random = new Random(7);
  return new Map(
    [...trained, ...frozen].map(([name, shape]) => {
      const gain = name.endsWith('LayerNorm.weight') ? 1 : 0;
      return [name, { shape, data: Float32Array.from({ length: sizeOf(shape) }, () => gain + 0.2 * random.normal()) }];
    }),
  );
}

const DISTILLATION = { temperature: 2, share: 0.5, hidden: 0.3, layerMap: table.layerMap };

const GUIDED = { ...FROZEN_TEACHER, guidance: { share: 0.5, temperature: 2 } };

const GRAPHS: readonly [string, (parts: number) => TrainingGraph][] = [
  ['compactors', (parts) => compactorTraining(teacher.config, table, shapeOf(parts), undefined, parts)],
  ['guided compactors', (parts) => compactorTraining(teacher.config, table, shapeOf(parts), GUIDED, parts)],
  ['own weights', (parts) => weightTraining(config, shapeOf(parts), 0.01, parts)],
  [
    'distillation of logits and hidden states',
    (parts) => distillationTraining(teacher.config, config, shapeOf(parts), 0.01, DISTILLATION, parts),
  ],
];

describe.each(ENGINES)('gradient accumulation on $name', ({ create }) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await create();
  });
  afterAll(() => engine.dispose());

  test.each(GRAPHS)('%s: three micro-batches make the step of one batch, to rounding', async (_, graph) => {
    const run = async (parts: number) => {
      const made = graph(parts);
      const trainer = await Trainer.create(engine, made, shapeOf(parts), tensorsOf(made));
      const metrics: number[] = [];
      for (let step = 0; step < 2; step++) {
        const { loss, gradientNorm } = await trainer.step(splitBatch(batchOf(step), parts, shapeOf(parts).slots).map(maskedBatch), 1e-3);
        metrics.push(loss, gradientNorm);
      }
      const tensors = await trainer.read();
      trainer.dispose();
      return { metrics, tensors };
    };
    const [whole, cut] = [await run(1), await run(PARTS)];
    cut.metrics.forEach((x, i) => expect(Math.abs(x - (whole.metrics[i] ?? 0))).toBeLessThan(1e-5 * Math.abs(whole.metrics[i] ?? 0)));
    let moved = 0;
    for (const [name, tensor] of whole.tensors) {
      const other = cut.tensors.get(name)?.data ?? new Float32Array();
      const start = tensorsOf(graph(1)).get(name)?.data ?? new Float32Array();
      tensor.data.forEach((x, i) => {
        moved = Math.max(moved, Math.abs(x - (start[i] ?? 0)));
        // Softmax does not see a key's bias: its gradient is rounding alone, which Adam blows up to its full step.
        if (name.endsWith('key.bias')) return;
        // Adam divides by the gradient's own size: where that is nearly 0, rounding of sums in another order shows.
        expect(Math.abs(x - (other[i] ?? Number.NaN)), name).toBeLessThan(1e-4);
      });
    }
    expect(moved).toBeGreaterThan(1e-3);
  });
});

test.each(GRAPHS)('%s: activations of one micro-batch at a time, one merge for all', (_, graph) => {
  const [whole, cut] = [plan(graph(1).graph), plan(graph(PARTS).graph)];
  const temporary = ({ arenaBytes, persistentBytes }: typeof whole): number => arenaBytes - persistentBytes;
  expect(temporary(cut)).toBeLessThan(0.75 * temporary(whole));
  // The same tokens in all: only sums of gradients come on top.
  expect(cut.flops).toBeLessThan(1.1 * whole.flops);
});
