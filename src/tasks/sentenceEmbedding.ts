import type { Graph } from '../graph/graph.ts';
import { reduceSum, scale, mul } from '../graph/ops/elementwise.ts';
import { add } from '../graph/ops/layout.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { rowDots, unitRows } from '../graph/ops/unitRows.ts';
import { reshape, transpose } from '../graph/ops/view.ts';
import { GraphError, type Value } from '../graph/value.ts';
import { encoderInputs, partName } from '../models/inputs.ts';
import type { SentenceLayers } from '../models/sentenceLayers.ts';
import { tokenWeights } from '../models/sentencePooling.ts';
import type { LaidModel } from '../models/runnable.ts';
import { Random } from '../tensor/random.ts';
import { StudioError } from '../tensor/studioError.ts';
import { layDocuments, type PackedRows } from '../text/packedText.ts';
import { cosine, neighbours, type SentenceVectors } from './sentenceScores.ts';
import type { BatchShape, Evaluation, Task, TaskBatch, TaskModel, TaskPart, TaskTally, TaskText, TaughtVectors } from './task.ts';

/** Tokens of a sentence on average, for as many slots as held-out batches need. */
const SHORT_SENTENCE = 8;

/** What this task must know beside a text's tokens. @throws StudioError if nobody has computed it */
function taughtOf({ taught, documents }: TaskText): { readonly taught: TaughtVectors; readonly documents: Int32Array } {
  if (taught === undefined || documents === undefined)
    throw new StudioError('training', "sentences: expected documents that lie apart, with the teacher's vectors, got none.");
  return { taught, documents };
}

/** Rows of documents as a batch: pooling, and the teacher's vectors. @param slots sentences at most */
function sentenceBatch({ ids, documents, numbers }: Required<PackedRows>, { poolers, vectors }: TaughtVectors, slots: number): TaskBatch {
  const { width, data } = vectors;
  const [tokens, count] = [ids.length, Math.min(slots, numbers.length)];
  const attention = new Uint8Array(tokens);
  const pooling = new Float32Array(slots * poolers.length * tokens);
  const targets = new Float32Array(slots * width);
  const positions = new Int32Array(tokens).fill(-1);
  for (let slot = 0; slot < count; slot++) {
    const [start = 0, end = 0] = documents.subarray(2 * slot, 2 * slot + 2);
    attention.fill(1, start, end);
    for (let at = start; at < end; at++) positions[at] = at;
    poolers.forEach((pooler, i) => pooling.set(tokenWeights(pooler, end - start), (slot * poolers.length + i) * tokens + start));
    const number = numbers[slot] ?? 0;
    targets.set(data.subarray(number * width, (number + 1) * width), slot * width);
  }
  return {
    inputIds: ids,
    attention,
    documents: documents.slice(0, 2 * count),
    answers: count,
    inputs: new Map<string, Int32Array | Float32Array>([
      ['pooling', pooling],
      ['targets', targets],
      ['used', new Float32Array(slots).fill(1, 0, count)],
      ['positions', positions],
      ['one', Float32Array.of(1)],
    ]),
  };
}

/** The numbers of documents in random order, epoch after epoch. */
class DocumentOrder {
  readonly #count: number;
  random: Random;
  order: number[] = [];

  constructor(count: number, seed: number) {
    this.#count = count;
    this.random = new Random(seed);
  }

  next(): number {
    if (this.order.length === 0) {
      this.order = Array.from({ length: this.#count }, (_, i) => i);
      this.random.shuffle(this.order);
    }
    return this.order.pop() ?? 0;
  }
}

function layersOf(laid: LaidModel): SentenceLayers {
  if (laid.sentences === undefined) throw new GraphError('sentences', 'expected a model for sentence vectors, got one for masked words.');
  return laid.sentences;
}

function part(graph: Graph, shape: BatchShape, index: number): TaskPart {
  const encoder = encoderInputs(graph, shape, index);
  const tokens = shape.batch * shape.sequence;
  const { slots, likeness = 0 } = shape;
  const positions = graph.input(partName('positions', index), [tokens], 'i32');
  const input = (name: string, dims: readonly number[]): Value =>
    graph.inputs.get(partName(name, index)) ?? graph.input(partName(name, index), dims);
  const model = (laid: LaidModel): TaskModel => {
    const layers = layersOf(laid);
    const one = input('one', [1]);
    const targets = input('targets', [slots, layers.width]);
    const encoded = laid.encoder(encoder);
    const pooled = layers.pooled(encoded.hidden, input('pooling', [slots * layers.poolers, tokens]));
    const answers = unitRows(graph, layers.vectors(pooled), one);
    const used = input('used', [slots]);
    const rows = add(graph, used, scale(graph, reshape(graph, rowDots(graph, answers, targets, one), [slots]), -1));
    const lossSum = reduceSum(graph, rows);
    if (likeness === 0) return { encoder: encoded, answers, rows, lossSum };
    const apart = add(graph, among(graph, answers), scale(graph, among(graph, targets), -1));
    const likenessSum = reduceSum(graph, mul(graph, apart, apart));
    return { encoder: encoded, answers, rows, lossSum, target: add(graph, lossSum, scale(graph, likenessSum, likeness / slots)) };
  };
  return {
    encoder,
    positions,
    // Hidden states are compared at every token.
    perPosition: slots / tokens,
    model,
  };
}

/** Cosines of vectors of length 1 among each other, [M, M]. */
function among(graph: Graph, vectors: Value): Value {
  return matmul(graph, vectors, transpose(graph, vectors));
}

function floats(batch: TaskBatch, name: string): Float32Array {
  const found = batch.inputs.get(name);
  return found instanceof Float32Array ? found : new Float32Array();
}

/** Student's vectors beside the teacher's. @param answers of the used slots, [count, w] */
function evaluated(answers: Float32Array<ArrayBuffer>, targets: Float32Array, width: number): Evaluation {
  let sum = 0;
  for (let at = 0; at < answers.length; at += width) sum += cosine(answers.subarray(at, at + width), targets.subarray(at, at + width));
  const mean = (sum * width) / Math.max(width, answers.length);
  return { loss: 1 - mean, accuracy: mean, predictions: answers, width };
}

function usedRows(batch: TaskBatch, rows: Float32Array, width: number): Float32Array {
  return rows.subarray(0, batch.answers * width);
}

function widthOf(batch: TaskBatch): number {
  return floats(batch, 'targets').length / Math.max(1, floats(batch, 'used').length);
}

function joined(parts: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of parts) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function tally(): TaskTally {
  const answers: Float32Array[] = [];
  const targets: Float32Array[] = [];
  let width = 1;
  return {
    add: (batch, read) => {
      width = widthOf(batch);
      const found = read.get('vectors');
      answers.push(usedRows(batch, found instanceof Float32Array ? found : new Float32Array(), width));
      targets.push(usedRows(batch, floats(batch, 'targets'), width));
    },
    result: () => evaluated(joined(answers), joined(targets), width),
  };
}

function vectorsOf({ predictions, width = 1 }: Evaluation): SentenceVectors {
  return { width, data: Float32Array.from(predictions) };
}

/**
 * Vectors of sentences: every document is a sentence, pooled from its own tokens, and learns the vector that the teacher gives it.
 * The loss is 1 - cosine; what is minimised has with it the squared differences of cosines within a batch. No labels are needed.
 */
export const sentenceEmbedding: Task = {
  name: 'sentenceEmbedding',
  words: {
    answers: 'sentences',
    accuracy: "cosine to the teacher's vectors",
    agreement: 'same nearest sentence',
    loss: '1 - cosine',
    limits: "It makes vectors of sentences like its teacher's, in text like that which it was trained on.",
  },
  slots: ({ batch, sequence }, settings) => settings?.sentences ?? Math.max(1, Math.floor((batch * sequence) / SHORT_SENTENCE)),
  part,
  stream: (text, { batch, slots }, parts, seed) => {
    const { taught, documents } = taughtOf(text);
    const drawn = new DocumentOrder(documents.length / 2, seed);
    return {
      next: () =>
        Array.from({ length: parts }, () => {
          const { rows, left } = layDocuments(text, () => drawn.next(), batch, slots, text.tokenizer.special.pad);
          // The first of them again comes first.
          drawn.order.push(...left.toReversed());
          return sentenceBatch(rows, taught, slots);
        }),
      state: () => ({ random: drawn.random.state(), order: [...drawn.order] }),
      restore: ({ random, order }) => {
        drawn.random = Random.from(random);
        drawn.order = [...order];
      },
    };
  },
  heldOut: (text, batch, _seed, most) => {
    const { taught, documents } = taughtOf(text);
    const slots = sentenceEmbedding.slots({ batch, sequence: text.sequence });
    const waiting = Array.from({ length: documents.length / 2 }, (_, i) => i).toReversed();
    const batches: TaskBatch[] = [];
    while (batches.length < most && waiting.length > 0) {
      const { rows, left } = layDocuments(text, () => waiting.pop(), batch, slots, text.tokenizer.special.pad);
      waiting.push(...left.toReversed());
      batches.push(sentenceBatch(rows, taught, slots));
    }
    return batches;
  },
  judged: (_, { answers }) => new Map([['vectors', answers]]),
  tally,
  teacherOf: (batches) => {
    const [first] = batches;
    const width = first === undefined ? 1 : widthOf(first);
    const targets = joined(batches.map((batch) => usedRows(batch, floats(batch, 'targets'), width)));
    return evaluated(targets, targets, width);
  },
  agreement: (a, b) => {
    const [ours, theirs] = [vectorsOf(a), vectorsOf(b)];
    return theirs.data.length < 2 * theirs.width ? 1 : neighbours(theirs, ours).first;
  },
  guessing: () => 1,
};
