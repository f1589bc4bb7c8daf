import { longestSequence, segmentsGiven } from '../../models/model.ts';
import { EMBEDDING } from '../../export/onnxPooling.ts';
import type { BertModel } from '../../models/model.ts';
import { HIDDEN, outputOf } from '../../models/outputs.ts';
import type { Engine } from '../../engines/engine.ts';
import type { OnnxFile } from '../../formats/onnx/onnxModel.ts';
import type { Corpus } from '../../text/corpus.ts';
import type { TextTokenizer } from '../../text/tokenizer.ts';
import { onnxInputs, openOnnx, type OnnxRuntime } from './onnxRuntime.ts';
import type { OnnxCheck, OnnxPrecision } from '../api/exporting.ts';
import { difference, worst, type Tolerance } from './difference.ts';
import { engineAnswer, type EngineAnswer } from './engineAnswer.ts';
import { firstDifference } from './firstDifference.ts';
import type { Progress } from './progress.ts';
import { textBatch, tokenRows, verificationTokens, type TextBatch } from './textBatch.ts';

/**
 * What a file may differ by before it is withheld.
 *
 * - fp32: the two only add in another order.
 * - fp16: 11 bits of mantissa in every product, where LayerNorm, softmax and GELU stay float32: 5e-4 a rounding, over some
 *   twenty of them in a row.
 * - int8: single logits may be off by a lot without harm, so the root mean square is judged: a quarter of the logits' own
 *   spread is a broken file. What int8 costs is told by its held-out accuracy.
 * - q4: by the same measure; four bits move logits by a fifth of their spread on the demo teacher.
 */
export const TOLERANCES: Readonly<Record<OnnxPrecision, Tolerance>> = {
  fp32: { measure: 'relative', most: 1e-4 },
  fp16: { measure: 'relative', most: 2e-2 },
  int8: { measure: 'rms', most: 0.25 },
  q4: { measure: 'rms', most: 0.5 },
};

interface Case {
  readonly batch: TextBatch;
  readonly expected: EngineAnswer;
}

/** What a file answers with in the place of the model's own answer, made of the engine's hidden states. */
export interface Reading {
  readonly output: string;
  /** @param hidden [batch, length, d] row-major */
  of(hidden: Float32Array, batch: TextBatch): Float32Array;
}

/** A model's answers in the engine at batch 1 and 3, lengths 1, 7 and the longest, to hold ONNX files against. */
export class OnnxJudge {
  readonly #engine: Engine;
  readonly #model: BertModel;
  readonly #cases: readonly Case[];

  private constructor(engine: Engine, model: BertModel, cases: readonly Case[]) {
    this.#engine = engine;
    this.#model = model;
    this.#cases = cases;
  }

  static async create(
    engine: Engine,
    model: BertModel,
    tokenizer: TextTokenizer,
    corpus: Corpus | undefined,
    attentions: boolean,
    progress: Progress,
  ): Promise<OnnxJudge> {
    const longest = longestSequence(model.config);
    const tokens = verificationTokens(tokenizer, corpus);
    const lengths = [...new Set([1, Math.min(7, longest), longest])];
    const batches = [1, 3].flatMap((batch) =>
      lengths.map((length) => textBatch(tokens, tokenizer, batch, length, segmentsGiven(model.config))),
    );
    const cases: Case[] = [];
    for (const batch of batches) {
      cases.push({ batch, expected: await engineAnswer(engine, model, batch, attentions ? 'attentions' : 'answer') });
      await progress(cases.length, batches.length);
    }
    return new OnnxJudge(engine, model, cases);
  }

  /** Runs an open file on every batch; each of its outputs is held against the engine's. @param reading of another answer */
  async check(runtime: OnnxRuntime, progress: Progress, reading?: Reading): Promise<OnnxCheck[]> {
    const checks: OnnxCheck[] = [];
    for (const { batch, expected } of this.#cases) {
      const outputs = await runtime.run(batch);
      const wanted =
        reading === undefined ? expected : new Map([[reading.output, reading.of(expected.get(HIDDEN) ?? new Float32Array(), batch)]]);
      const rows = { answer: tokenRows(batch), attentions: tokenRows(batch, this.#model.config.heads) };
      const counted = (name: string): Uint8Array | undefined =>
        name === EMBEDDING ? undefined : name.startsWith('attentions.') ? rows.attentions : rows.answer;
      const compared = [...outputs].map(([name, got]) => difference(wanted.get(name), got, counted(name)));
      if (!outputs.has(reading?.output ?? outputOf(this.#model))) compared.push(difference(undefined, new Float32Array(0)));
      checks.push({
        batch: batch.batch,
        length: batch.length,
        difference: worst(compared.map((one) => one.difference)),
        relative: worst(compared.map((one) => one.relative)),
        rms: worst(compared.map((one) => one.rms)),
      });
      await progress(checks.length, this.#cases.length);
    }
    return checks;
  }

  /** The first node of a file whose output differs from the engine's, on the batch where the answers differ most. */
  async firstDifference(
    file: OnnxFile,
    dataName: string,
    checks: readonly OnnxCheck[],
    tolerance: Tolerance,
    attentions = false,
  ): Promise<string | undefined> {
    const measured = checks.map((check) => check[tolerance.measure]);
    const at = measured.findIndex((value) => Object.is(value, worst(measured)));
    const found = this.#cases[at];
    if (found === undefined) return undefined;
    return firstDifference(this.#engine, this.#model, file, dataName, found.batch, tolerance, attentions);
  }
}

/** Compares a file in onnxruntime-web with the engine at several batch sizes and lengths, padding included. */
export async function verifyOnnx(
  engine: Engine,
  model: BertModel,
  onnx: Uint8Array,
  tokenizer: TextTokenizer,
  progress: Progress,
): Promise<OnnxCheck[]> {
  const judge = await OnnxJudge.create(engine, model, tokenizer, undefined, false, () => Promise.resolve());
  const runtime = await openOnnx(onnx, '', onnxInputs(model));
  try {
    return await judge.check(runtime, progress);
  } finally {
    await runtime.close();
  }
}
