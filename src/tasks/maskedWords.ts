import type { Graph } from '../graph/graph.ts';
import { reduceSum } from '../graph/ops/elementwise.ts';
import { crossEntropy, distillation } from '../graph/ops/loss.ts';
import { argmaxRows, gatherRows } from '../graph/ops/rows.ts';
import { encoderInputs, partName } from '../models/inputs.ts';
import { BatchStream, fixedBatches, maskedSlots, splitBatch, type MaskedBatch } from '../text/maskedBatch.ts';
import { PLAIN_MASKING } from './plainMasking.ts';
import type { BatchShape, Evaluation, Task, TaskBatch, TaskPart, TaskTally } from './task.ts';

/** A masked batch of text as a batch of this task: its own inputs are `positions` and `labels`, [M]. */
export function maskedBatch({ inputIds, attention, documents, positions, labels, predicted }: MaskedBatch): TaskBatch {
  return {
    inputIds,
    attention,
    ...(documents === undefined ? {} : { documents }),
    answers: predicted,
    inputs: new Map([
      ['positions', positions],
      ['labels', labels],
    ]),
  };
}

function integers(batch: TaskBatch, name: string): Int32Array {
  const found = batch.inputs.get(name);
  return found instanceof Int32Array ? found : new Int32Array();
}

function part(graph: Graph, shape: BatchShape, index: number): TaskPart {
  const encoder = encoderInputs(graph, shape, index);
  const positions = graph.input(partName('positions', index), [shape.slots], 'i32');
  const labels = graph.input(partName('labels', index), [shape.slots], 'i32');
  return {
    encoder,
    positions,
    // Head and loss over the predicted positions only: full logits of a large batch would not fit.
    model: (laid) => {
      const encoded = laid.encoder(encoder);
      const { logits } = laid.head(gatherRows(graph, encoded.hidden, positions));
      const rows = crossEntropy(graph, logits, labels);
      return { encoder: encoded, answers: logits, rows, lossSum: reduceSum(graph, rows) };
    },
    divergence: (student, teacher, temperature) =>
      reduceSum(graph, distillation(graph, student.answers, teacher.answers, labels, temperature)),
  };
}

function tally(): TaskTally {
  let loss = 0;
  let right = 0;
  const predictions: number[] = [];
  return {
    add: (batch, read) => {
      const rows = read.get('rows') ?? new Float32Array();
      const best = read.get('predictions') ?? new Int32Array();
      integers(batch, 'labels').forEach((label, slot) => {
        if (label < 0) return;
        loss += rows[slot] ?? 0;
        if (best[slot] === label) right += 1;
        predictions.push(best[slot] ?? -1);
      });
    },
    result: () => {
      const count = Math.max(1, predictions.length);
      return { loss: loss / count, accuracy: right / count, predictions: Int32Array.from(predictions) };
    },
  };
}

/** Share of answers that are the same. */
export function sameAnswers(
  { predictions: a }: Pick<Evaluation, 'predictions'>,
  { predictions: b }: Pick<Evaluation, 'predictions'>,
): number {
  let same = 0;
  a.forEach((answer, i) => {
    if (answer === b[i]) same += 1;
  });
  return same / Math.max(1, a.length);
}

/** Largest of a row's numbers; of equal ones the first. */
function best(row: Float32Array): number {
  let at = 0;
  for (let i = 1; i < row.length; i++) if ((row[i] ?? -Infinity) > (row[at] ?? -Infinity)) at = i;
  return at;
}

/**
 * Masked language modelling: words of the text are hidden and predicted from the rest. The paper's task, and its only loss.
 * The head is on the predicted tokens, [M, V].
 */
export const maskedWords: Task = {
  name: 'maskedWords',
  words: {
    answers: 'masked tokens',
    accuracy: 'masked words right',
    agreement: 'same top word',
    overVocabulary: true,
    limits: 'It fills masks in text like that which it was trained on and is not fine-tuned for any task.',
  },
  slots: ({ batch, sequence }, settings) =>
    maskedSlots(batch, sequence, Math.max(settings?.masking ?? PLAIN_MASKING.probability, settings?.predicted ?? 0)),
  part,
  stream: ({ tokenizer, ...text }, { batch, slots }, parts, seed, { masking, wholeWords, predicted }) => {
    const stream = new BatchStream(text, batch * parts, tokenizer, seed, { probability: masking, wholeWords, predicted });
    return {
      next: () => splitBatch(stream.next(), parts, slots).map(maskedBatch),
      state: () => stream.state(),
      restore: (state) => stream.restore(state),
    };
  },
  heldOut: ({ tokenizer, ...text }, batch, seed, most) => fixedBatches(text, batch, tokenizer, seed, most, PLAIN_MASKING).map(maskedBatch),
  judged: (graph, { rows, answers }) =>
    new Map([
      ['rows', rows],
      ['predictions', argmaxRows(graph, answers)],
    ]),
  tally,
  agreement: sameAnswers,
  judgeOutputs: (batch, outputs) => {
    const classes = outputs.length / batch.inputIds.length;
    const positions = integers(batch, 'positions');
    let right = 0;
    let answers = 0;
    for (const [slot, label] of integers(batch, 'labels').entries()) {
      const at = positions[slot] ?? -1;
      if (label < 0 || at < 0) continue;
      answers += 1;
      if (best(outputs.subarray(at * classes, (at + 1) * classes)) === label) right += 1;
    }
    return { answers, right };
  },
  guessing: (classes) => Math.log(classes),
};
