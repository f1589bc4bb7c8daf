import { Evaluator } from '../../analysis/evaluation.ts';
import { countParameters, type BertModel } from '../../models/model.ts';
import type { Engine } from '../../engines/engine.ts';
import type { Corpus } from '../../text/corpus.ts';
import { fixedBatches, maskedSlots, type MaskedBatch } from '../../text/maskedBatch.ts';
import type { TextTokenizer } from '../../text/tokenizer.ts';
import type { OnnxHeldOut } from '../api/exporting.ts';
import type { OnnxRuntime } from './onnxRuntime.ts';
import type { Progress } from './progress.ts';
import { PLAIN_MASKING } from '../recipe/recipe.ts';

/** Sequences that onnxruntime-web answers at once: full logits of more would take much memory. */
const SEQUENCES = 4;
/** Multiply-adds that judging one file may cost: well under a minute on one thread. */
const WORK = 2e11;
const LEAST_BATCHES = 2;

/** Held-out masked tokens and what the engine makes of them in float32, to hold ONNX files against. */
export class HeldOutTokens {
  readonly #batches: readonly MaskedBatch[];
  readonly #sequence: number;
  readonly #engineAccuracy: number;

  private constructor(batches: readonly MaskedBatch[], sequence: number, engineAccuracy: number) {
    this.#batches = batches;
    this.#sequence = sequence;
    this.#engineAccuracy = engineAccuracy;
  }

  static async create(engine: Engine, model: BertModel, tokenizer: TextTokenizer, corpus: Corpus, seed: number): Promise<HeldOutTokens> {
    const { sequence, heldOut } = corpus;
    const most = Math.max(LEAST_BATCHES, Math.floor(WORK / (countParameters(model.config) * sequence * SEQUENCES)));
    const batches = fixedBatches(heldOut, sequence, SEQUENCES, tokenizer, seed, most, PLAIN_MASKING);
    const slots = maskedSlots(SEQUENCES, sequence, PLAIN_MASKING.probability);
    const evaluator = await Evaluator.create(engine, model, { batch: SEQUENCES, sequence, slots });
    try {
      return new HeldOutTokens(batches, sequence, (await evaluator.evaluate(batches)).accuracy);
    } finally {
      evaluator.dispose();
    }
  }

  /** Share of the tokens that a file's best prediction gets right. */
  async judge(runtime: OnnxRuntime, progress: Progress): Promise<OnnxHeldOut> {
    let right = 0;
    let tokens = 0;
    for (const [done, batch] of this.#batches.entries()) {
      const attention = Uint8Array.from(batch.attentionMask, (score) => (score === 0 ? 1 : 0));
      const logits = await runtime.logits(batch.inputIds, attention, SEQUENCES, this.#sequence);
      const vocabulary = logits.length / batch.inputIds.length;
      for (const [slot, label] of batch.labels.entries()) {
        const position = batch.positions[slot] ?? -1;
        if (label < 0 || position < 0) continue;
        tokens += 1;
        if (best(logits.subarray(position * vocabulary, (position + 1) * vocabulary)) === label) right += 1;
      }
      await progress(done + 1, this.#batches.length);
    }
    return { tokens, accuracy: right / Math.max(1, tokens), engineAccuracy: this.#engineAccuracy };
  }
}

function best(row: Float32Array): number {
  let at = 0;
  for (let i = 1; i < row.length; i++) if ((row[i] ?? -Infinity) > (row[at] ?? -Infinity)) at = i;
  return at;
}
