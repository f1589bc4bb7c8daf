// Documents that share rows are read, calibrated on, trained on and judged as if each were alone in its row.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AttentionProbe } from '../../src/analysis/attentionProbe.ts';
import { layerSimilarity } from '../../src/analysis/attentionSimilarity.ts';
import { Evaluator } from '../../src/analysis/evaluation.ts';
import type { Engine } from '../../src/engines/engine.ts';
import { freshModel } from '../../src/models/freshModel.ts';
import { maskedBatch, maskedWords } from '../../src/tasks/maskedWords.ts';
import { Random } from '../../src/tensor/random.ts';
import { maskBatch, type MaskedBatch } from '../../src/text/maskedBatch.ts';
import { packApart, takeRows } from '../../src/text/packedText.ts';
import type { TextTokenizer } from '../../src/text/tokenizer.ts';
import { guideStates } from '../../src/training/guide.ts';
import { Trainer } from '../../src/training/trainer.ts';
import { compactorTraining, FROZEN_TEACHER, keptNorms } from '../../src/training/trainingGraph.ts';
import { teacherStates } from '../../src/training/teacherStates.ts';
import { calibrateOnePass } from '../../src/wid/calibrate.ts';
import { gatherMoments } from '../../src/wid/moments.ts';
import { calibrateSequentially } from '../../src/wid/sequential.ts';
import { spacesOf, spaceTable, studentConfig } from '../../src/wid/spaces.ts';
import { ENGINES } from '../engines/availableEngines.ts';
import { goldenTeacher } from '../golden/load.ts';
import { relativeError } from '../../src/engines/conformance/relativeError.ts';

const teacher = goldenTeacher();
const SEQUENCE = 17;
const special = { pad: 0, unknown: 1, classify: 2, separate: 3, mask: 4 };
const tokenizer: TextTokenizer = {
  vocabularySize: teacher.config.vocabSize,
  special,
  encode: () => [],
  token: String,
  isContinuation: () => false,
};

const random = new Random(4);
const text = packApart(
  Array.from({ length: 24 }, () =>
    Int32Array.from({ length: 1 + random.integer(9) }, () => 5 + random.integer(teacher.config.vocabSize - 5)),
  ),
  SEQUENCE,
  special,
);
const rows = Array.from({ length: text.sequences.length / SEQUENCE }, (_, row) => row);
const together = maskBatch(takeRows(text, rows, special.pad), SEQUENCE, tokenizer, random, { probability: 0.3, wholeWords: false });
const alone = oneDocumentARow(together);
const shapeOf = ({ inputIds, positions }: MaskedBatch) => ({
  task: maskedWords,
  batch: inputIds.length / SEQUENCE,
  sequence: SEQUENCE,
  slots: positions.length,
});

/** The same masked documents, each in a row of its own. */
function oneDocumentARow({ documents = new Int32Array(), inputIds, positions, labels, predicted }: MaskedBatch): MaskedBatch {
  const count = documents.length / 2;
  const ids = new Int32Array(count * SEQUENCE).fill(special.pad);
  const place = new Map<number, number>();
  for (let row = 0; row < count; row++) {
    const [start = 0, end = 0] = documents.subarray(2 * row, 2 * row + 2);
    ids.set(inputIds.subarray(start, end), row * SEQUENCE);
    for (let at = start; at < end; at++) place.set(at, row * SEQUENCE + at - start);
  }
  const attention = Uint8Array.from(ids, (id) => (id === special.pad ? 0 : 1));
  return { inputIds: ids, attention, positions: positions.map((at) => (at < 0 ? at : (place.get(at) ?? -1))), labels, predicted };
}

const table = spaceTable(spacesOf(teacher.config), { residual: 16, heads: 4, headSize: 4, inner: 24, layers: 3 }, false, 'last');

test('the batch packs several documents in most rows', () => {
  expect((together.documents?.length ?? 0) / 2).toBe(24);
  expect(rows.length).toBeLessThan(14);
  expect(together.predicted).toBeGreaterThan(20);
});

// That the WebGPU engine keeps documents apart is tested in tests/engines: calibrating on it in software takes half a minute.
describe.each(ENGINES.filter(({ name }) => name !== 'webgpu'))('documents in rows with others on $name', ({ create }) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await create();
  });
  afterAll(() => engine.dispose());

  test('are calibrated on', async () => {
    const calibrated = async (masked: MaskedBatch) => {
      const { batch, sequence } = shapeOf(masked);
      const given = { ...masked, typeIds: new Int32Array(masked.inputIds.length) };
      const moments = await gatherMoments(engine, teacher, batch, sequence, [given], () => {});
      const onePass = await calibrateOnePass(teacher, table, moments, () => {});
      const norms = keptNorms(teacher.tensors, table, onePass.residual);
      const size = { batch, sequence };
      return {
        moments,
        solved: await calibrateSequentially(engine, teacher, teacher.tensors, table, onePass, norms, size, [given], () => {}),
      };
    };
    const [ours, theirs] = [await calibrated(together), await calibrated(alone)];
    for (const [site, { C, sum, tokens }] of ours.moments) {
      expect(tokens).toBe(theirs.moments.get(site)?.tokens);
      // Sums in another order, of float32.
      expect(relativeError(C.data, theirs.moments.get(site)?.C.data ?? []), site).toBeLessThan(1e-5);
      expect(relativeError(sum, theirs.moments.get(site)?.sum ?? []), site).toBeLessThan(1e-5);
    }
    // Of a few dozen tokens, a solve is left to its ridge: rounding grows in it.
    for (const [name, { data }] of ours.solved.compactors)
      expect(relativeError(data, theirs.solved.compactors.get(name)?.data ?? []), name).toBeLessThan(5e-3);
  });

  test('are judged', async () => {
    const judged = async (masked: MaskedBatch) => {
      const evaluator = await Evaluator.create(engine, teacher, shapeOf(masked));
      const found = await evaluator.evaluate([maskedBatch(masked)]);
      evaluator.dispose();
      return found;
    };
    const [ours, theirs, joined] = [await judged(together), await judged(alone), await judged(withoutDocuments(together))];
    expect(ours.loss).toBeCloseTo(theirs.loss, 5);
    expect(ours.predictions).toEqual(theirs.predictions);
    expect(Math.abs(joined.loss - theirs.loss)).toBeGreaterThan(1e-3);
  });

  test('are trained on, guided by the teacher, in micro-batches too', async () => {
    const step = async (parts: readonly MaskedBatch[]) => {
      const [first = together] = parts;
      const slots = Math.max(...parts.map(({ positions }) => positions.length));
      const shape = { ...shapeOf(first), slots };
      const guided = { ...FROZEN_TEACHER, guidance: { share: 0.5, temperature: 1 } };
      const graph = compactorTraining(teacher.config, table, shape, guided, parts.length);
      const start = new Map([...graph.trained].map(([name, dims]) => [name, freshTensor(name, dims)]));
      const tensors = new Map([...start, ...teacherStates(teacher.config, table, teacher.tensors), ...guideStates(teacher.tensors)]);
      const trainer = await Trainer.create(engine, graph, shape, tensors);
      const { loss, gradientNorm } = await trainer.step(parts.map(maskedBatch), 1e-3);
      trainer.dispose();
      return { loss, gradientNorm };
    };
    const [ours, theirs, cut] = [await step([together]), await step([alone]), await step(halves(together))];
    for (const each of [ours, cut]) {
      expect(each.loss / theirs.loss).toBeCloseTo(1, 5);
      expect(each.gradientNorm / theirs.gradientNorm).toBeCloseTo(1, 4);
    }
  });

  test('are compared by the attention within them', async () => {
    const student = freshModel({ ...studentConfig(teacher.config, table), initializerRange: 0.5 }, 9);
    const compared = async (masked: MaskedBatch) => {
      const { batch } = shapeOf(masked);
      const maps = await Promise.all(
        [teacher, student].map(async (model) => {
          const probe = await AttentionProbe.create(engine, model, batch, SEQUENCE);
          const read = await probe.read(masked);
          probe.dispose();
          return read[1] ?? read[0];
        }),
      );
      const [theirs, ours] = maps;
      if (theirs === undefined || ours === undefined) throw new Error('no maps');
      return layerSimilarity(theirs, ours, [0, 1, 2, 3], masked.attention).heads.map(({ divergence }) => divergence);
    };
    const [ours, theirs] = [await compared(together), await compared(alone)];
    ours.forEach((value, head) => expect(value).toBeCloseTo(theirs[head] ?? Number.NaN, 5));
  });
});

function withoutDocuments({ inputIds, attention, positions, labels, predicted }: MaskedBatch): MaskedBatch {
  return { inputIds, attention, positions, labels, predicted };
}

/** Two micro-batches of rows whose documents do not cross. */
function halves(batch: MaskedBatch): MaskedBatch[] {
  const half = Math.ceil(rows.length / 2);
  return [0, half].map((first) => {
    const taken = takeRows(
      { sequences: batch.inputIds, sequence: SEQUENCE, documents: batch.documents ?? new Int32Array() },
      Array.from({ length: half }, (_, i) => first + i),
      special.pad,
    );
    const [from, to] = [first * SEQUENCE, (first + half) * SEQUENCE];
    const mine = [...batch.positions.keys()].filter((slot) => (batch.positions[slot] ?? -1) >= from && (batch.positions[slot] ?? -1) < to);
    return {
      inputIds: taken.ids,
      attention: Uint8Array.from(taken.ids, (id) => (id === special.pad ? 0 : 1)),
      documents: taken.documents ?? new Int32Array(),
      positions: Int32Array.from(batch.positions, (_, i) => (mine[i] === undefined ? -1 : (batch.positions[mine[i]] ?? 0) - from)),
      labels: Int32Array.from(batch.labels, (_, i) => (mine[i] === undefined ? -1 : (batch.labels[mine[i]] ?? -1))),
      predicted: mine.length,
    };
  });
}

function freshTensor(name: string, shape: readonly number[]): { shape: readonly number[]; data: Float32Array } {
  const draws = new Random(name.length);
  const gain = name.endsWith('LayerNorm.weight') ? 1 : 0;
  return { shape, data: Float32Array.from({ length: shape.reduce((size, n) => size * n, 1) }, () => gain + 0.2 * draws.normal()) };
}
