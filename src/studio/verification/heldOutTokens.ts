import { Evaluator } from '../../analysis/evaluation.ts';
import { countParameters, type BertModel } from '../../models/model.ts';
import type { Engine } from '../../engines/engine.ts';
import { splitOf, type Corpus } from '../../text/corpus.ts';
import { oneARow } from '../../text/packedText.ts';
import type { Task, TaskBatch } from '../../tasks/task.ts';
import type { TextTokenizer } from '../../text/tokenizer.ts';
import type { OnnxHeldOut } from '../api/exporting.ts';
import type { OnnxRuntime } from './onnxRuntime.ts';
import type { Progress } from './progress.ts';

/** Sequences that onnxruntime-web answers at once: full logits of more would take much memory. */
const SEQUENCES = 4;
/** Multiply-adds that judging one file may cost: well under a minute on one thread. */
const WORK = 2e11;
const LEAST_BATCHES = 2;

/** Held-out answers and what the engine makes of them in float32, to hold ONNX files against. */
export class HeldOutTokens {
  readonly #task: Task;
  readonly #batches: readonly TaskBatch[];
  readonly #sequence: number;
  readonly #engineAccuracy: number;

  private constructor(task: Task, batches: readonly TaskBatch[], sequence: number, engineAccuracy: number) {
    this.#task = task;
    this.#batches = batches;
    this.#sequence = sequence;
    this.#engineAccuracy = engineAccuracy;
  }

  static async create(
    engine: Engine,
    model: BertModel,
    { task, tokenizer }: { readonly task: Task; readonly tokenizer: TextTokenizer },
    corpus: Corpus,
    seed: number,
  ): Promise<HeldOutTokens> {
    const { sequence } = corpus;
    const most = Math.max(LEAST_BATCHES, Math.floor(WORK / (countParameters(model.config) * sequence * SEQUENCES)));
    // An exported file knows padding alone.
    const text = oneARow(splitOf(corpus, 'heldOut'), most * SEQUENCES, tokenizer.special.pad);
    const batches = task.heldOut({ ...text, tokenizer }, SEQUENCES, seed, most);
    const size = { batch: SEQUENCES, sequence };
    const evaluator = await Evaluator.create(engine, model, { task, ...size, slots: task.slots(size) });
    try {
      return new HeldOutTokens(task, batches, sequence, (await evaluator.evaluate(batches)).accuracy);
    } finally {
      evaluator.dispose();
    }
  }

  /** Share of the tokens that a file's best prediction gets right. */
  async judge(runtime: OnnxRuntime, progress: Progress): Promise<OnnxHeldOut> {
    let right = 0;
    let tokens = 0;
    for (const [done, batch] of this.#batches.entries()) {
      const { attention } = batch;
      const logits = await runtime.logits(batch.inputIds, attention, SEQUENCES, this.#sequence);
      const judged = this.#task.judgeOutputs?.(batch, logits) ?? { answers: 0, right: 0 };
      tokens += judged.answers;
      right += judged.right;
      await progress(done + 1, this.#batches.length);
    }
    return { tokens, accuracy: right / Math.max(1, tokens), engineAccuracy: this.#engineAccuracy };
  }
}
