import type { Engine, Program } from '../engines/engine.ts';
import { filledProgram } from '../graph/filledProgram.ts';
import { Graph } from '../graph/graph.ts';
import { plan } from '../graph/plan.ts';
import { encoderInputs, writeOneSegment, writeTokens, type BatchSize } from '../models/inputs.ts';
import type { BertModel } from '../models/model.ts';
import { asRunnable, type Runnable } from '../models/runnable.ts';
import { pooled, vectorWidth, type SentencePooling } from '../models/sentencePooling.ts';
import type { SentenceVectors } from '../tasks/sentenceScores.ts';
import { writeTensors } from './writeTensors.ts';

/** Tokens that one batch holds about; enough that the products are large. */
const TOKENS = 2048;
/** A row is at least this long, so that it has room for several short sentences, and a multiple of `STEP`. */
const SHORTEST_ROW = 64;
const STEP = 8;

/** A sentence, and the token of the batch at which it begins. */
interface Placed {
  readonly sentence: number;
  readonly start: number;
}

/**
 * A vector for every sentence. Sentences share rows, and attention stays within each, so that hardly any padding is computed.
 * @param sentences token ids with the special ones, each of at least one token and of no more than the model has positions
 * @param tell hears how many sentences have their vectors; throw from it to give up
 */
export async function sentenceVectors(
  engine: Engine,
  model: BertModel,
  pooling: SentencePooling,
  sentences: readonly Int32Array[],
  tell: (done: number) => Promise<void> | void,
): Promise<SentenceVectors> {
  const d = model.config.hiddenSize;
  const width = vectorWidth(pooling, d);
  const data = new Float32Array(sentences.length * width);
  const longest = sentences.reduce((most, { length }) => Math.max(most, length), SHORTEST_ROW);
  const sequence = Math.ceil(longest / STEP) * STEP;
  const batches = packed(sentences, sequence, Math.max(1, Math.floor(TOKENS / sequence)));
  const size = { batch: Math.max(1, ...batches.map(({ rows }) => rows)), sequence };
  const runnable = asRunnable(model);
  const program = await encoderProgram(engine, runnable, size);
  try {
    let done = 0;
    for (const { placed } of batches) {
      const hidden = await hiddenStates(program, runnable, size, sentences, placed);
      for (const { sentence, start } of placed) {
        const length = sentences[sentence]?.length ?? 0;
        data.set(pooled(pooling, hidden.subarray(start * d, (start + length) * d), d), sentence * width);
      }
      done += placed.length;
      await tell(done);
    }
  } finally {
    program.dispose();
  }
  return { width, data };
}

/** Sentences in rows, in their order: one that does not fit begins the next row. */
function packed(sentences: readonly Int32Array[], sequence: number, most: number): { placed: Placed[]; rows: number }[] {
  const batches: { placed: Placed[]; rows: number }[] = [];
  let used = sequence;
  sentences.forEach(({ length }, sentence) => {
    let batch = batches.at(-1);
    if (used + length > sequence || batch === undefined) {
      if (batch === undefined || batch.rows === most) batches.push((batch = { placed: [], rows: 0 }));
      batch.rows += 1;
      used = 0;
    }
    batch.placed.push({ sentence, start: (batch.rows - 1) * sequence + used });
    used += length;
  });
  return batches;
}

/** Output `hidden`, [B T, d]. */
async function encoderProgram(engine: Engine, runnable: Runnable, size: BatchSize): Promise<Program> {
  const graph = new Graph();
  graph.output('hidden', runnable.lay(graph).encoder(encoderInputs(graph, size)).hidden);
  return filledProgram(engine, plan(graph, engine.planOptions), (made) => {
    writeOneSegment(made, runnable.blueprint, size);
    writeTensors(made, [...graph.states.keys()], runnable);
  });
}

async function hiddenStates(
  program: Program,
  { blueprint }: Runnable,
  size: BatchSize,
  sentences: readonly Int32Array[],
  placed: readonly Placed[],
): Promise<Float32Array> {
  const inputIds = new Int32Array(size.batch * size.sequence);
  const attention = new Uint8Array(inputIds.length);
  const documents: number[] = [];
  for (const { sentence, start } of placed) {
    const ids = sentences[sentence] ?? new Int32Array();
    inputIds.set(ids, start);
    attention.fill(1, start, start + ids.length);
    documents.push(start, start + ids.length);
  }
  writeTokens(program, blueprint, size, { inputIds, attention, documents: Int32Array.from(documents) });
  await program.run();
  return program.read('hidden');
}
