// The toy of docs/adding-a-task.md: a task in one file of its own, which shares no input with masked words.
import { reduceSum } from '../../src/graph/ops/elementwise.ts';
import { crossEntropy, distillation } from '../../src/graph/ops/loss.ts';
import { argmaxRows, gatherRows } from '../../src/graph/ops/rows.ts';
import { encoderInputs, partName } from '../../src/models/inputs.ts';
import type { Evaluation, Task, TaskBatch } from '../../src/tasks/task.ts';
import type { StreamState } from '../../src/text/maskedBatch.ts';
import { Random } from '../../src/tensor/random.ts';

/** Every sequence is asked twice: for the token before its second one, which is [CLS], and for the one before its third. */
const ASKED = [1, 2] as const;

function batchOf(rows: Int32Array, sequence: number, pad: number): TaskBatch {
  const count = rows.length / sequence;
  const asked = Array.from({ length: count }, (_, row) => ASKED.map((at) => row * sequence + at)).flat();
  return {
    inputIds: rows,
    attention: Uint8Array.from(rows, (id) => (id === pad ? 0 : 1)),
    answers: asked.length,
    inputs: new Map([
      ['asked', Int32Array.from(asked)],
      ['before', Int32Array.from(asked, (at) => rows[at - 1] ?? -1)],
    ]),
  };
}

/** Says which token stands before another: a model must learn to look one place back. */
export const tokenBefore: Task = {
  name: 'tokenBefore',
  words: {
    answers: 'tokens before',
    accuracy: 'tokens before named right',
    agreement: 'same token before',
    limits: 'It says which token stands before another, and nothing else.',
  },
  slots: ({ batch }) => batch * ASKED.length,
  part: (graph, shape, index) => {
    const encoder = encoderInputs(graph, shape, index);
    const asked = graph.input(partName('asked', index), [shape.slots], 'i32');
    const before = graph.input(partName('before', index), [shape.slots], 'i32');
    return {
      encoder,
      positions: asked,
      model: (laid) => {
        const encoded = laid.encoder(encoder);
        const { logits } = laid.head(gatherRows(graph, encoded.hidden, asked));
        const rows = crossEntropy(graph, logits, before);
        return { encoder: encoded, answers: logits, rows, lossSum: reduceSum(graph, rows) };
      },
      divergence: (student, teacher, temperature) =>
        reduceSum(graph, distillation(graph, student.answers, teacher.answers, before, temperature)),
    };
  },
  stream: ({ sequences, sequence, tokenizer }, { batch }, parts, seed) => {
    let random = new Random(seed);
    const one = (): TaskBatch => {
      const rows = new Int32Array(batch * sequence);
      for (let i = 0; i < batch; i++) {
        const from = random.integer(sequences.length / sequence) * sequence;
        rows.set(sequences.subarray(from, from + sequence), i * sequence);
      }
      return batchOf(rows, sequence, tokenizer.special.pad);
    };
    return {
      next: () => Array.from({ length: parts }, one),
      state: (): StreamState => ({ random: random.state(), order: [] }),
      restore: ({ random: kept }) => {
        random = Random.from(kept);
      },
    };
  },
  heldOut: ({ sequences, sequence, tokenizer }, batch, _, most) => {
    const size = batch * sequence;
    const count = Math.max(1, Math.min(most, Math.floor(sequences.length / size)));
    return Array.from({ length: count }, (__, i) => {
      const rows = new Int32Array(size).fill(tokenizer.special.pad);
      rows.set(sequences.subarray(i * size, (i + 1) * size));
      return batchOf(rows, sequence, tokenizer.special.pad);
    });
  },
  judged: (graph, { rows, answers }) =>
    new Map([
      ['losses', rows],
      ['named', argmaxRows(graph, answers)],
    ]),
  tally: () => {
    let loss = 0;
    let right = 0;
    const named: number[] = [];
    return {
      add: (batch, read) => {
        batch.inputs.get('before')?.forEach((token, slot) => {
          loss += read.get('losses')?.[slot] ?? 0;
          if (read.get('named')?.[slot] === token) right += 1;
          named.push(read.get('named')?.[slot] ?? -1);
        });
      },
      result: () => ({ loss: loss / named.length, accuracy: right / named.length, predictions: Int32Array.from(named) }),
    };
  },
  agreement: ({ predictions: a }: Evaluation, { predictions: b }: Evaluation) => a.filter((token, i) => token === b[i]).length / a.length,
  judgeOutputs: (batch, outputs) => {
    const classes = outputs.length / batch.inputIds.length;
    const before = batch.inputs.get('before') ?? new Int32Array();
    const asked = batch.inputs.get('asked') ?? new Int32Array();
    let right = 0;
    asked.forEach((at, slot) => {
      const row = [...outputs.subarray(at * classes, (at + 1) * classes)];
      if (row.indexOf(Math.max(...row)) === before[slot]) right += 1;
    });
    return { answers: asked.length, right };
  },
  guessing: (classes) => Math.log(classes),
};
