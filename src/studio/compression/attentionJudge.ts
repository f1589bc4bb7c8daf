import { AttentionProbe } from '../../analysis/attentionProbe.ts';
import { layerSimilarity, meanSimilarity, type AttentionMaps } from '../../analysis/attentionSimilarity.ts';
import type { Tokens } from '../../models/inputs.ts';
import type { BertModel } from '../../models/model.ts';
import { asRunnable, type Runnable } from '../../models/runnable.ts';
import type { Engine } from '../../engines/engine.ts';
import type { Corpus } from '../../text/corpus.ts';
import type { SpaceTable } from '../../wid/spaces.ts';
import type { Recipe } from '../api/recipe.ts';
import type { SimilarityReport, StudioListener } from '../api/run.ts';
import { taskText } from '../teacher/sentenceTeacher.ts';
import type { Teacher } from '../teacher/teacher.ts';

/** Held-out sequences whose attention is compared: enough for a steady mean, few enough to be quick. */
const SEQUENCES = 4;

/** Attention similarity of student and teacher on the same held-out sequences (docs/method.md section 7). */
export class AttentionJudge {
  readonly #engine: Engine;
  readonly #table: SpaceTable;
  readonly #batch: Tokens;
  readonly #size: { readonly batch: number; readonly sequence: number };
  readonly #teacherMaps: readonly AttentionMaps[];
  #probe: AttentionProbe | undefined;

  private constructor(
    engine: Engine,
    table: SpaceTable,
    batch: Tokens,
    size: { readonly batch: number; readonly sequence: number },
    teacherMaps: readonly AttentionMaps[],
  ) {
    this.#engine = engine;
    this.#table = table;
    this.#batch = batch;
    this.#size = size;
    this.#teacherMaps = teacherMaps;
  }

  static async create(engine: Engine, teacher: Teacher, corpus: Corpus, recipe: Recipe, table: SpaceTable): Promise<AttentionJudge> {
    const { sequence } = recipe;
    const count = Math.max(1, Math.min(SEQUENCES, corpus.heldOut.length / sequence));
    const text = taskText(teacher, corpus, 'heldOut');
    const [batch] = teacher.task.heldOut(text, count, recipe.seed, 1);
    const given = batch ?? { inputIds: new Int32Array(count * sequence), attention: new Uint8Array(count * sequence).fill(1) };
    const probe = await AttentionProbe.create(engine, teacher.model, count, sequence);
    try {
      return new AttentionJudge(engine, table, given, { batch: count, sequence }, await probe.read(given));
    } finally {
      probe.dispose();
    }
  }

  /**
   * @param heads for each teacher layer, the teacher head of each of the model's heads, in order. Extra entries at the end are
   * ignored. A layer without a list kept all heads.
   */
  async student(
    model: BertModel | Runnable,
    step: number,
    listen: StudioListener,
    heads: ReadonlyMap<number, readonly number[]>,
  ): Promise<SimilarityReport> {
    const runnable = asRunnable(model);
    if (this.#probe?.key !== runnable.key) {
      this.#probe?.dispose();
      this.#probe = await AttentionProbe.create(this.#engine, runnable, this.#size.batch, this.#size.sequence);
    } else this.#probe.load(runnable);
    const maps = await this.#probe.read(this.#batch);
    const { attention } = this.#batch;
    const layers = this.#table.layerMap.flatMap((from, layer) => {
      const [theirs, ours] = [this.#teacherMaps[from], maps[layer]];
      if (theirs === undefined || ours === undefined) return [];
      const origin = heads.get(from)?.slice(0, ours.heads) ?? Array.from({ length: ours.heads }, (_, head) => head);
      return [{ ...layerSimilarity(theirs, ours, origin, attention), origin }];
    });
    const value: SimilarityReport = {
      layers: layers.map(({ heads }) => heads.map(({ divergence }) => divergence)),
      origins: layers.map(({ origin }) => origin),
      mean: meanSimilarity(layers.flatMap(({ heads }) => heads)).divergence,
      cosine: meanSimilarity(layers.flatMap(({ heads }) => heads)).cosine,
      chance: meanSimilarity(layers.map(({ chance }) => chance)).divergence,
    };
    listen({ kind: 'similarity', step, value });
    return value;
  }

  dispose(): void {
    this.#probe?.dispose();
  }
}
