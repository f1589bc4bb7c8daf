import type { BertModel } from '../../bert/model.ts';
import type { Runnable } from '../../bert/runnable.ts';
import type { Engine } from '../../engines/engine.ts';
import type { Corpus } from '../../text/corpus.ts';
import type { SpaceNorms } from '../../wid/norms.ts';
import type { SpaceTable } from '../../wid/spaces.ts';
import { judgedShape } from '../recipe/recipe.ts';
import type { Recipe } from '../api/recipe.ts';
import type { HeldOut, RunResult, StudioListener } from '../api/run.ts';
import type { Teacher } from '../teacher/teacher.ts';
import { AttentionJudge } from './attentionJudge.ts';
import { HeldOutJudge } from './heldOutJudge.ts';

type Heads = ReadonlyMap<number, readonly number[]>;

/** A student as it stands. */
export interface Looked {
  readonly student: BertModel;
  /** What is trained, where it is not of the student's shape yet: this is judged. */
  readonly runnable?: Runnable | undefined;
  /** Teacher heads by teacher layer that its heads came from. */
  readonly heads: Heads;
}

/** What a run looks at on its way: held-out numbers, attention, norms. Remembers the last student whose numbers were finite. */
export class Looks {
  readonly #heldOut: HeldOutJudge;
  readonly #attention: AttentionJudge;
  readonly #listen: StudioListener;
  // What a diverged run falls back to: an update may blow the weights up before any number stops being finite.
  #sound: BertModel | undefined;
  #soundLoss: number;
  #normsAt = -1;

  private constructor(heldOut: HeldOutJudge, attention: AttentionJudge, listen: StudioListener) {
    this.#heldOut = heldOut;
    this.#attention = attention;
    this.#listen = listen;
    this.#soundLoss = Number.POSITIVE_INFINITY;
  }

  /** Judges the teacher first. */
  static async create(
    engine: Engine,
    teacher: Teacher,
    corpus: Corpus,
    recipe: Recipe,
    table: SpaceTable,
    listen: StudioListener,
  ): Promise<Looks> {
    const heldOut = await HeldOutJudge.create(engine, teacher, corpus, recipe, judgedShape(recipe));
    try {
      listen({ kind: 'heldOut', step: 0, model: 'teacher', value: heldOut.teacher });
      return new Looks(heldOut, await AttentionJudge.create(engine, teacher, corpus, recipe, table), listen);
    } catch (error) {
      heldOut.dispose();
      throw error;
    }
  }

  /** Tells all numbers of a student after `step`. @returns its held-out numbers */
  async at(step: number, { student, runnable, heads }: Looked): Promise<HeldOut> {
    const judged = runnable ?? student;
    const value = await this.#heldOut.student(judged, step, this.#listen);
    if (Number.isFinite(value.loss)) [this.#sound, this.#soundLoss] = [student, value.loss];
    await this.#attention.student(judged, step, this.#listen, heads);
    return value;
  }

  /** The same before the first step. Its student is what a run falls back to, whatever its numbers. */
  async atStart(looked: Looked): Promise<HeldOut> {
    const value = await this.at(0, looked);
    [this.#sound, this.#soundLoss] = [looked.student, value.loss];
    return value;
  }

  /** Tells norms, once a step: a look and the end of a phase may fall on one. */
  norms(step: number, spaces: SpaceNorms[]): void {
    if (spaces.length === 0 || this.#normsAt === step) return;
    this.#normsAt = step;
    this.#listen({ kind: 'norms', step, spaces });
  }

  /** Before a run goes on: the loss of its untrained student, and no student to fall back to. */
  resume(untrained: HeldOut): void {
    this.#soundLoss = untrained.loss;
  }

  /**
   * The student that a run leaves, and its numbers.
   * @param student as trained last   @param diverged whether its last step was not finite
   * @param whole what was trained, where it is not of the student's shape
   */
  async last(
    step: number,
    { student, heads }: Looked,
    diverged: boolean,
    whole: Runnable | undefined,
  ): Promise<{ readonly student: BertModel; readonly numbers: Pick<RunResult, 'teacher' | 'trained' | 'similarity' | 'whole'> }> {
    let left = student;
    let trained = await this.#heldOut.student(left, step, this.#listen);
    if ((diverged || !Number.isFinite(trained.loss)) && !(trained.loss <= this.#soundLoss) && this.#sound !== undefined) {
      left = this.#sound;
      trained = await this.#heldOut.student(left, step, this.#listen);
    }
    const similarity = await this.#attention.student(left, step, this.#listen, heads);
    const numbers = { teacher: this.#heldOut.teacher, trained, similarity };
    return { student: left, numbers: whole === undefined ? numbers : { ...numbers, whole: await this.#heldOut.quietly(whole) } };
  }

  dispose(): void {
    this.#heldOut.dispose();
    this.#attention.dispose();
  }
}
