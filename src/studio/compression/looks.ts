import type { BertModel } from '../../models/model.ts';
import type { Runnable } from '../../models/runnable.ts';
import type { Engine } from '../../engines/engine.ts';
import type { Corpus } from '../../text/corpus.ts';
import type { SpaceNorms } from '../../wid/norms.ts';
import type { SpaceTable } from '../../wid/spaces.ts';
import { judgedShape } from '../recipe/recipe.ts';
import type { Recipe } from '../api/recipe.ts';
import type { HeldOut, RunResult, SimilarityReport, StudioListener } from '../api/run.ts';
import type { MergedStudent, Student } from '../student.ts';
import { StoppedError } from '../workStages.ts';
import type { Teacher } from '../teacher/teacher.ts';
import { AttentionJudge } from './attentionJudge.ts';
import { HeldOutJudge } from './heldOutJudge.ts';

/** What a run leaves: a student, the step after which it was so, and its numbers. */
interface Left extends MergedStudent {
  readonly step: number;
  /** Why the run ended early by itself, or null. */
  readonly fault: string | null;
  readonly numbers: Pick<RunResult, 'teacher' | 'trained' | 'similarity' | 'whole'>;
}

/** A student that a run may fall back to. */
interface Sound extends Omit<Student, 'larger'> {
  readonly step: number;
  /** Its own held-out loss; undefined if it was not evaluated, or what was trained was evaluated in its place. */
  readonly loss: number | undefined;
}

/**
 * A held-out loss so many times that of guessing evenly, of the teacher or of the untrained student is an explosion. Masks
 * of `paper` on an untrained teacher, the worst sound run seen, reach three times.
 */
const EXPLODED = 5;

/**
 * What a run looks at on its way: held-out numbers, attention, norms. Remembers the student to fall back to: the best that
 * was judged, or the last sound one where what is judged is not of the student's shape.
 */
export class Looks {
  readonly #heldOut: HeldOutJudge;
  readonly #attention: AttentionJudge;
  readonly #listen: StudioListener;
  #sound: Sound | undefined;
  /** Above this, a held-out loss says that the run diverged. */
  #bound: number;
  #normsAt = -1;
  /** Numbers of the start. */
  #untrained: HeldOut | undefined;
  /** The student that was judged last, where it is what was judged: a run that trains nothing ends with it. */
  #judged: { readonly model: BertModel; readonly value: HeldOut; readonly similarity: SimilarityReport } | undefined;

  private constructor(heldOut: HeldOutJudge, attention: AttentionJudge, guessing: number, listen: StudioListener) {
    this.#heldOut = heldOut;
    this.#attention = attention;
    this.#listen = listen;
    this.#bound = EXPLODED * guessing;
    this.#measure(heldOut.teacher);
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
    const heldOut = await HeldOutJudge.create(engine, teacher, corpus, recipe, judgedShape(teacher.task, recipe));
    try {
      listen({ kind: 'heldOut', step: 0, model: 'teacher', value: heldOut.teacher });
      const attention = await AttentionJudge.create(engine, teacher, corpus, recipe, table);
      return new Looks(heldOut, attention, teacher.task.guessing(teacher.model.config.vocabSize), listen);
    } catch (error) {
      heldOut.dispose();
      throw error;
    }
  }

  /** Tells all numbers of a student after `step`. @returns its held-out numbers */
  async at(step: number, student: Student): Promise<HeldOut> {
    const { model, heads, larger } = student;
    const judged = larger?.runnable ?? model;
    const value = await this.#heldOut.student(judged, step, this.#listen);
    const best = this.#sound?.loss;
    const loss = larger === undefined ? value.loss : undefined;
    if (this.explosion(value.loss, step) === null && (loss === undefined || best === undefined || loss <= best))
      this.#remember(student, step, loss);
    const similarity = await this.#attention.student(judged, step, this.#listen, larger?.heads ?? heads);
    this.#judged = larger === undefined ? { model, value, similarity } : undefined;
    return value;
  }

  /**
   * The same before the first step. Its student is what a run falls back to, whatever its numbers.
   * @returns the numbers of the student itself, also where another model is trained
   */
  async atStart(student: Student): Promise<HeldOut> {
    const value = await this.at(0, student);
    const untrained = student.larger === undefined ? value : await this.#heldOut.quietly(student.model);
    this.#remember(student, 0, untrained.loss);
    this.resume(untrained);
    return untrained;
  }

  /** Why a run with this held-out loss is over, or null. */
  explosion(loss: number, step: number): string | null {
    if (loss <= this.#bound) return null;
    const told = `held-out loss is ${Number.isFinite(loss) ? loss.toPrecision(4) : loss} at step ${step}`;
    return Number.isFinite(loss)
      ? `${told}, beyond ${this.#bound.toPrecision(4)}, ${EXPLODED} times that of even guessing, of the teacher or of the untrained student`
      : told;
  }

  #measure({ loss }: HeldOut): void {
    if (Number.isFinite(loss)) this.#bound = Math.max(this.#bound, EXPLODED * loss);
  }

  /** Tells norms, once a step: a look and the end of a phase may fall on one. */
  norms(step: number, spaces: SpaceNorms[]): void {
    if (spaces.length === 0 || this.#normsAt === step) return;
    this.#normsAt = step;
    this.#listen({ kind: 'norms', step, spaces });
  }

  /** Before a run goes on. */
  resume(untrained: HeldOut): void {
    this.#untrained = untrained;
    this.#measure(untrained);
  }

  /** What a run that goes on was kept with: the best that is known until it is looked at. */
  async kept(step: number, student: Student): Promise<void> {
    this.#remember(student, step, (await this.#heldOut.quietly(student.model)).loss);
  }

  /**
   * The student that a run leaves, and its numbers.
   * @param student as trained last   @param fault why training ended, or null
   * @param whole what was trained, where it is not of the student's shape
   * @param start how it is made again, if that can be; undefined if the start is no student worth offering
   */
  async last(
    step: number,
    student: Student,
    fault: string | null,
    whole: Runnable | undefined,
    start: { readonly again: (() => Promise<Student>) | undefined } | undefined,
  ): Promise<Left> {
    const known = this.#judged?.model === student.model ? this.#judged : undefined;
    const trained = known?.value ?? (await this.#heldOut.student(student.model, step, this.#listen));
    const larger = whole === undefined ? undefined : await this.#heldOut.quietly(whole);
    // What is cut out of a larger model may be far off without any fault, and is a number all the same.
    const judged = larger === undefined || !Number.isFinite(trained.loss) ? trained : larger;
    const found = fault ?? this.explosion(judged.loss, step);
    const teacher = this.#heldOut.teacher;
    const sound = this.#sound;
    if (found !== null && sound !== undefined && !(trained.loss <= (await this.#lossOf(sound)))) {
      const { model, compactors, heads } = sound;
      // Not as events: those of its step were told then.
      const numbers = await this.#heldOut.quietly(model);
      const similarity = await this.#attention.student(model, sound.step, () => {}, heads);
      return { model, compactors, step: sound.step, fault: found, numbers: { teacher, trained: numbers, similarity } };
    }
    const helped = this.#untrained === undefined || !(trained.loss > this.#untrained.loss);
    // Training did not help. A run that went on has no start any more, and makes it again.
    const began = found === null && start !== undefined && !helped ? await this.#start(start.again) : undefined;
    if (began !== undefined) {
      const { model, compactors, heads } = began;
      const numbers = await this.#heldOut.quietly(model);
      const similarity = await this.#attention.student(model, 0, () => {}, heads);
      return { model, compactors, step: 0, fault: null, numbers: { teacher, trained: numbers, similarity } };
    }
    const { model, compactors, heads } = student;
    const similarity = known?.similarity ?? (await this.#attention.student(model, step, this.#listen, heads));
    const numbers = { teacher, trained, similarity, ...(larger === undefined ? {} : { whole: larger }) };
    return { model, compactors, step, fault: found, numbers };
  }

  /** The start, if it is at hand or can be made again; a user who stops that meanwhile gets the student as it is. */
  async #start(again: (() => Promise<Student>) | undefined): Promise<Student | undefined> {
    if (this.#sound?.step === 0) return this.#sound;
    try {
      return await again?.();
    } catch (error) {
      if (error instanceof StoppedError) return undefined;
      throw error;
    }
  }

  async #lossOf({ model, loss }: Sound): Promise<number> {
    return loss ?? (await this.#heldOut.quietly(model)).loss;
  }

  /** Without the larger model that it was cut out of. */
  #remember({ model, compactors, heads }: Student, step: number, loss: number | undefined): void {
    this.#sound = { model, compactors, heads, step, loss };
  }

  dispose(): void {
    this.#heldOut.dispose();
    this.#attention.dispose();
  }
}
