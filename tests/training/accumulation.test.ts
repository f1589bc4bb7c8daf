import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../../src/engines/engine.ts';
import { plan } from '../../src/graph/plan.ts';
import type { NamedTensors, Tensor } from '../../src/tensor/tensor.ts';
import { frozenName } from '../../src/training/teacherStates.ts';
import { Trainer, type StepBatch } from '../../src/training/trainer.ts';
import {
  compactorTraining,
  distillationTraining,
  FROZEN_TEACHER,
  weightTraining,
  type TrainingGraph,
} from '../../src/training/trainingGraph.ts';
import { compactorShapes } from '../../src/wid/compactors.ts';
import { spacesOf, spaceTable } from '../../src/wid/spaces.ts';
import { ENGINES } from '../engines/availableEngines.ts';
import { BATCH, golden, goldenBatch, goldenTeacher, relativeError, SEQUENCE } from '../golden/load.ts';
import { blocksOf } from '../wid/forms.ts';

const teacher = goldenTeacher();
const table = spaceTable(spacesOf(teacher.config), { residual: 16, heads: 4, headSize: 4, inner: 24, layers: 3 }, false);
const whole = goldenBatch();

/** The golden batch, a sequence a part. */
function parts(): StepBatch[] {
  return Array.from({ length: BATCH }, (_, row) => {
    const from = row * SEQUENCE;
    const slots = [...whole.positions.keys()].filter((slot) => Math.floor((whole.positions[slot] ?? -1) / SEQUENCE) === row);
    const fill = (values: readonly number[]): Int32Array => Int32Array.from({ length: whole.predicted }, (_, i) => values[i] ?? -1);
    return {
      inputIds: whole.inputIds.slice(from, from + SEQUENCE),
      attentionMask: whole.attentionMask.slice(from, from + SEQUENCE),
      positions: fill(slots.map((slot) => (whole.positions[slot] ?? 0) - from)),
      labels: fill(slots.map((slot) => whole.labels[slot] ?? 0)),
      predicted: slots.length,
    };
  });
}

function compactors(): Map<string, Tensor> {
  const shapes = compactorShapes(table);
  return new Map([...golden('wid-compactors').tensors].map(([name, tensor]) => [name, blocksOf(tensor, shapes.get(name) ?? tensor.shape)]));
}

const together = { batch: BATCH, sequence: SEQUENCE, slots: whole.predicted };
const apart = { ...together, batch: 1 };
const frozen = new Map([...teacher.tensors].map(([name, tensor]) => [frozenName(name), tensor]));
const distil = { temperature: 2, share: 0.5 };

const GRAPHS: readonly { name: string; start: NamedTensors; one: () => TrainingGraph; many: () => TrainingGraph }[] = [
  {
    name: 'compactors',
    start: new Map([...compactors(), ...frozen]),
    one: () => compactorTraining(teacher.config, table, together),
    many: () => compactorTraining(teacher.config, table, apart, FROZEN_TEACHER, BATCH),
  },
  {
    name: 'own weights',
    start: teacher.tensors,
    one: () => weightTraining(teacher.config, together, 0.01),
    many: () => weightTraining(teacher.config, apart, 0.01, BATCH),
  },
  {
    name: 'distillation',
    start: new Map([...teacher.tensors, ...frozen]),
    one: () => distillationTraining(teacher.config, teacher.config, together, 0.01, distil),
    many: () => distillationTraining(teacher.config, teacher.config, apart, 0.01, distil, BATCH),
  },
];

describe.each(ENGINES)('micro-batches on $name', ({ name: engineName, create }) => {
  // Adam divides: where a gradient is nearly nothing, rounding of the sums decides its sign in float32.
  const tolerance = engineName === 'reference' ? 1e-6 : 2e-3;
  let engine: Engine;
  beforeAll(async () => {
    engine = await create();
  });
  afterAll(() => engine.dispose());

  test.each(GRAPHS)('$name: three parts make the steps of one batch', async ({ start, one, many }) => {
    const big = await Trainer.create(engine, one(), together, start);
    const small = await Trainer.create(engine, many(), apart, start);
    for (let step = 0; step < 3; step++) {
      const wanted = await big.step([whole], 1e-3);
      const got = await small.step(parts(), 1e-3);
      expect(got.loss / wanted.loss).toBeCloseTo(1, 5);
      expect(got.gradientNorm / wanted.gradientNorm).toBeCloseTo(1, 4);
    }
    const after = await small.read();
    for (const [name, tensor] of await big.read())
      if (!name.endsWith('key.bias')) expect(relativeError(after.get(name)?.data ?? [], tensor.data), name).toBeLessThan(tolerance);
    big.dispose();
    small.dispose();
  });
});

test('the parts share one merge and one place in memory', () => {
  const merged = { ...FROZEN_TEACHER, meeting: 'merged' } as const;
  const cost = (count: number): { flops: number; bytes: number } => {
    const { flops, arenaBytes, persistentBytes } = plan(compactorTraining(teacher.config, table, apart, merged, count).graph);
    return { flops, bytes: arenaBytes - persistentBytes };
  };
  const [one, two, three] = [cost(1), cost(2), cost(3)];
  // What a further part adds is the same every time, and far from the whole step: the merge is not in it.
  expect(three.flops - two.flops).toBe(two.flops - one.flops);
  expect(two.flops - one.flops).toBeLessThan(0.6 * one.flops);
  // A few bytes more where the gaps between lifetimes fit worse; without sharing it would be half as much again.
  expect(three.bytes).toBeLessThan(1.1 * two.bytes);
});
