import { encoderInputs, writeOneSegment, writeTokens } from '../models/inputs.ts';
import type { BatchShape } from '../tasks/task.ts';
import { bertEncoder, mlmHead } from '../models/encoder.ts';
import { encoderShape, encoderShapes, headShapes, type BertModel } from '../models/model.ts';
import { blueprintOf } from '../models/blueprint.ts';
import { filledProgram } from '../graph/filledProgram.ts';
import type { Engine } from '../engines/engine.ts';
import { Graph } from '../graph/graph.ts';
import { NO_NORM_LIMIT } from '../graph/operation.ts';
import { reduceSum } from '../graph/ops/elementwise.ts';
import { crossEntropy } from '../graph/ops/loss.ts';
import { argmaxRows, gatherRows } from '../graph/ops/rows.ts';
import { plan } from '../graph/plan.ts';
import type { Value } from '../graph/value.ts';
import { Random } from '../tensor/random.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { MaskedBatch } from '../text/maskedBatch.ts';
import { initialHead, initialHeadTurns, withGain, type Features } from './initialHead.ts';
import { learningRateAt } from './learningRate.ts';
import { addOptimiser, decayOf, HALTED } from './optimiserNodes.ts';

/** How well a fitted head predicts masked tokens that it was not fitted on. */
export interface HeadFit {
  /** Masked tokens that it was fitted on, and that it is judged on. */
  readonly fitted: number;
  readonly judged: number;
  /** Mean cross-entropy in nats of guessing by frequency alone, of the least-squares start, and of what is returned. */
  readonly frequencyLoss: number;
  readonly startLoss: number;
  readonly loss: number;
  readonly accuracy: number;
}

/** Masked tokens wanted for every hidden dimension: the least squares have one unknown row each. */
export const POSITIONS_PER_DIMENSION = 24;
const ROWS = 256;
const STEPS = 150;
const RATE = 2e-3;
/** Sharpness of the least-squares start; never 0, or the head would not look at the encoder at all. */
const GAINS = [0.05, 0.25, 0.5, 1, 2, 4] as const;

/**
 * Fits a head for masked language modelling to an encoder that has none (docs/method.md section 2, Decoder: its tied form).
 *
 * The encoder stays as it is. The transform starts at the least-squares map from hidden states to the embeddings of the
 * right words, then transform, LayerNorm and bias are trained on the encoder's hidden states; the decoder is the word
 * embeddings.
 *
 * @param encoder its tensors without a head   @param fitted masked batches of `shape`
 * @param judged others of the same shape, of sequences that are not among those: they choose between the start and what
 * training made of it, and say how good the head is
 * @returns the model with its head, decoder tied
 */
export async function fitHead(
  engine: Engine,
  encoder: BertModel,
  shape: BatchShape,
  fitted: readonly MaskedBatch[],
  judged: readonly MaskedBatch[],
  progress: (done: number, total: number) => Promise<void> | void,
): Promise<{ readonly model: BertModel; readonly fit: HeadFit }> {
  if (blueprintOf(encoder.config).find('transformNorm') === undefined)
    throw new StudioError(
      'checkpoint',
      'head: expected a family whose transform has a LayerNorm, got one without: no head can be fitted. Give a checkpoint with its head.',
    );
  const model: BertModel = { ...encoder, config: { ...encoder.config, tieWordEmbeddings: true } };
  const batches = fitted.length + judged.length;
  const turns = initialHeadTurns(fitted.length * shape.slots);
  const total = batches + turns + GAINS.length + 1 + STEPS;
  const [kept, others] = await readFeatures(engine, model, shape, fitted, judged, (read) => progress(read, total));
  if (kept.labels.length === 0 || others.labels.length === 0)
    throw new StudioError('text', 'head: the text gave no masked tokens to fit a head on. Give more text.');
  let done = batches;
  const advance = async (): Promise<void> => progress(++done, total);
  const judge = await HeadProgram.create(engine, model, false);
  let training: HeadProgram | undefined;
  try {
    let best = { head: new Map<string, Tensor>(), loss: Number.POSITIVE_INFINITY, accuracy: 0 };
    const consider = async (head: Map<string, Tensor>): Promise<void> => {
      judge.load(head);
      const found = await judge.judge(others);
      if (found.loss < best.loss) best = { head, ...found };
    };
    const start = await initialHead(model, kept, advance);
    // There may be fewer rows than places for them.
    done = batches + turns;
    judge.load(withGain(model, start, 0));
    const frequencyLoss = (await judge.judge(others)).loss;
    await advance();
    for (const gain of GAINS) {
      await consider(withGain(model, start, gain));
      await advance();
    }
    const startLoss = best.loss;
    training = await HeadProgram.create(engine, model, true);
    training.load(best.head);
    const random = new Random(1);
    for (let step = 0; step < STEPS; step++) {
      await training.step(draw(kept, random), learningRateAt(step, STEPS, RATE, 0.1, 'linear'), step + 1);
      await advance();
    }
    await consider(await training.read());
    const { head, loss, accuracy } = best;
    const fit = { fitted: kept.labels.length, judged: others.labels.length, frequencyLoss, startLoss, loss, accuracy };
    return { model: { ...model, tensors: new Map([...model.tensors, ...head]) }, fit };
  } finally {
    judge.dispose();
    training?.dispose();
  }
}

/** Hidden states of the masked tokens, [count, d], and the right tokens: of those that are fitted, and of those that judge. */
async function readFeatures(
  engine: Engine,
  { config, tensors }: BertModel,
  shape: BatchShape,
  fitted: readonly MaskedBatch[],
  judged: readonly MaskedBatch[],
  progress: (done: number) => Promise<void> | void,
): Promise<[Features, Features]> {
  const graph = new Graph();
  const states = new Map([...encoderShapes(config)].map(([name, dims]) => [name, graph.state(name, dims)]));
  const { hidden } = bertEncoder(graph, encoderShape(config), lookup(states), encoderInputs(graph, shape));
  graph.output('features', gatherRows(graph, hidden, graph.input('positions', [shape.slots], 'i32')));
  const program = await engine.compile(plan(graph, engine.planOptions));
  const d = config.hiddenSize;
  const rows: Float32Array[] = [];
  const labels: number[] = [];
  try {
    for (const name of states.keys()) program.write(name, tensors.get(name)?.data ?? new Float32Array());
    const blueprint = blueprintOf(config);
    writeOneSegment(program, blueprint, shape);
    for (const [index, batch] of [...fitted, ...judged].entries()) {
      writeTokens(program, blueprint, shape, batch);
      program.write('positions', batch.positions);
      await program.run();
      rows.push((await program.read('features')).slice(0, batch.predicted * d));
      labels.push(...batch.labels.subarray(0, batch.predicted));
      await progress(index + 1);
    }
  } finally {
    program.dispose();
  }
  const data = new Float32Array(labels.length * d);
  let at = 0;
  for (const part of rows) {
    data.set(part, at);
    at += part.length;
  }
  const border = fitted.reduce((sum, { predicted }) => sum + predicted, 0);
  const part = (from: number, to: number): Features => ({
    width: d,
    data: data.subarray(from * d, to * d),
    labels: Int32Array.from(labels.slice(from, to)),
  });
  return [part(0, border), part(border, labels.length)];
}

/** ROWS rows at random. */
function draw({ width, data, labels }: Features, random: Random): Features {
  const some = { width, data: new Float32Array(ROWS * width), labels: new Int32Array(ROWS) };
  for (let row = 0; row < ROWS; row++) {
    const from = random.integer(labels.length);
    some.data.set(data.subarray(from * width, (from + 1) * width), row * width);
    some.labels[row] = labels[from] ?? -1;
  }
  return some;
}

function lookup(values: ReadonlyMap<string, Value>): (name: string) => Value {
  return (name) => {
    const value = values.get(name);
    if (value === undefined) throw new StudioError('graph', `head: there is no parameter ${name}.`);
    return value;
  };
}

/** The head alone on ROWS hidden states: judged, or trained too. */
class HeadProgram {
  readonly #program: Awaited<ReturnType<Engine['compile']>>;
  readonly #shapes: ReadonlyMap<string, readonly number[]>;

  private constructor(program: Awaited<ReturnType<Engine['compile']>>, shapes: ReadonlyMap<string, readonly number[]>) {
    this.#program = program;
    this.#shapes = shapes;
  }

  static async create(engine: Engine, { config, tensors }: BertModel, trains: boolean): Promise<HeadProgram> {
    const graph = new Graph();
    const shapes = headShapes(config);
    const values = new Map([...shapes].map(([name, dims]) => [name, graph.state(name, dims)]));
    const table = blueprintOf(config).module('words').weight;
    const words = graph.state(table, [config.vocabSize, config.embedding ?? config.hiddenSize]);
    const features = graph.input('features', [ROWS, config.hiddenSize]);
    const labels = graph.input('labels', [ROWS], 'i32');
    const part = (): { rows: Value; logits: Value } => {
      const { logits } = mlmHead(graph, encoderShape(config), lookup(values), features, words);
      return { rows: crossEntropy(graph, logits, labels), logits };
    };
    if (trains) {
      const loss = (): { lossSum: Value; target: Value } => {
        const lossSum = reduceSum(graph, part().rows);
        return { lossSum, target: lossSum };
      };
      addOptimiser(graph, values, [loss], decayOf(0, blueprintOf(config)));
    } else {
      const { rows, logits } = part();
      graph.output('rows', rows);
      graph.output('best', argmaxRows(graph, logits));
    }
    const program = await filledProgram(engine, plan(graph, engine.planOptions), (made) => {
      made.write(table, tensors.get(table)?.data ?? new Float32Array());
      if (trains)
        for (const [name, dims] of shapes)
          for (const moment of [`first.${name}`, `second.${name}`])
            made.write(moment, new Float32Array(dims.reduce((product, n) => product * n, 1)));
    });
    return new HeadProgram(program, shapes);
  }

  load(head: ReadonlyMap<string, Tensor>): void {
    for (const name of this.#shapes.keys()) this.#program.write(name, head.get(name)?.data ?? new Float32Array());
  }

  async read(): Promise<Map<string, Tensor>> {
    const head = new Map<string, Tensor>();
    for (const [name, shape] of this.#shapes) head.set(name, { shape, data: await this.#program.read(name) });
    return head;
  }

  async judge({ width, data, labels }: Features): Promise<{ loss: number; accuracy: number }> {
    let loss = 0;
    let right = 0;
    for (let from = 0; from < labels.length; from += ROWS) {
      const features = new Float32Array(ROWS * width);
      features.set(data.subarray(from * width, Math.min(labels.length, from + ROWS) * width));
      const some = new Int32Array(ROWS).fill(-1);
      some.set(labels.subarray(from, from + ROWS));
      this.#program.write('features', features);
      this.#program.write('labels', some);
      await this.#program.run();
      const rows = await this.#program.read('rows');
      const best = await this.#program.readIntegers('best');
      some.forEach((label, row) => {
        if (label < 0) return;
        loss += rows[row] ?? 0;
        if (best[row] === label) right += 1;
      });
    }
    return { loss: loss / labels.length, accuracy: right / labels.length };
  }

  async step({ data, labels }: Features, rate: number, update: number): Promise<void> {
    this.#program.write('features', data);
    this.#program.write('labels', labels);
    this.#program.write('lossWeight', Float32Array.of(1 / ROWS));
    // Its losses are not read: a step that is not finite is left out, and the next one counts again.
    this.#program.write(HALTED, Float32Array.of(0));
    this.#program.write('settings', Float32Array.of(rate, 0.9, 0.98, 1e-8, 1 - 0.9 ** update, 1 - 0.98 ** update, 1, NO_NORM_LIMIT));
    await this.#program.run();
  }

  dispose(): void {
    this.#program.dispose();
  }
}
