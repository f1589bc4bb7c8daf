import type { BertModel } from '../../models/model.ts';
import type { Runnable } from '../../models/runnable.ts';
import type { Engine } from '../../engines/engine.ts';
import type { Corpus } from '../../text/corpus.ts';
import type { NamedTensors } from '../../tensor/tensor.ts';
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
  /** Teacher heads by teacher layer that the heads of what is judged came from. */
  readonly heads: Heads;
  /** The same of the student, where another model is judged. */
  readonly keptHeads?: Heads;
  /** What the student was merged from; empty where there was none. */
  readonly compactors: NamedTensors;
}

/** What a run leaves. */
interface Left {
  readonly student: BertModel;
  readonly compactors: NamedTensors;
  /** The step after which it was so. */
  readonly step: number;
  /** Why the run ended early by itself, or null. */
  readonly fault: string | null;
  readonly numbers: Pick<RunResult, 'teacher' | 'trained' | 'similarity' | 'whole'>;
}

/** A student that a run may fall back to. */
interface Sound {
  readonly student: BertModel;
  readonly compactors: NamedTensors;
  /** Of the student. */
  readonly heads: Heads;
  readonly step: number;
  /** Its own held-out loss; undefined where it was not judged, or what was trained was judged in its place. */
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
  async at(step: number, looked: Looked): Promise<HeldOut> {
    const { student, runnable, heads } = looked;
    const judged = runnable ?? student;
    const value = await this.#heldOut.student(judged, step, this.#listen);
    const best = this.#sound?.loss;
    const loss = runnable === undefined ? value.loss : undefined;
    if (this.explosion(value.loss, step) === null && (loss === undefined || best === undefined || loss <= best))
      this.#remember(looked, step, loss);
    await this.#attention.student(judged, step, this.#listen, heads);
    return value;
  }

  /**
   * The same before the first step. Its student is what a run falls back to, whatever its numbers.
   * @returns the numbers of the student itself, also where another model is trained
   */
  async atStart(looked: Looked): Promise<HeldOut> {
    const { student, runnable } = looked;
    const value = await this.at(0, looked);
    const untrained = runnable === undefined ? value : await this.#heldOut.quietly(student);
    this.#remember(looked, 0, untrained.loss);
    this.#measure(untrained);
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
    this.#measure(untrained);
  }

  /** What a run that goes on was kept with: the best that is known until it is looked at. */
  async kept(step: number, looked: Looked): Promise<void> {
    this.#remember(looked, step, (await this.#heldOut.quietly(looked.student)).loss);
  }

  /**
   * The student that a run leaves, and its numbers.
   * @param looked as trained last   @param fault why training ended, or null
   * @param whole what was trained, where it is not of the student's shape
   */
  async last(step: number, looked: Looked, fault: string | null, whole: Runnable | undefined): Promise<Left> {
    const trained = await this.#heldOut.student(looked.student, step, this.#listen);
    const larger = whole === undefined ? undefined : await this.#heldOut.quietly(whole);
    // What is cut out of a larger model may be far off without any fault, and is a number all the same.
    const judged = larger === undefined || !Number.isFinite(trained.loss) ? trained : larger;
    const found = fault ?? this.explosion(judged.loss, step);
    const teacher = this.#heldOut.teacher;
    const sound = this.#sound;
    if (found !== null && sound !== undefined && !(trained.loss <= (await this.#lossOf(sound)))) {
      const { student, compactors, heads } = sound;
      // Not as events: those of its step were told then.
      const numbers = await this.#heldOut.quietly(student);
      const similarity = await this.#attention.student(student, sound.step, () => {}, heads);
      return { student, compactors, step: sound.step, fault: found, numbers: { teacher, trained: numbers, similarity } };
    }
    const { student, compactors, heads } = looked;
    const similarity = await this.#attention.student(student, step, this.#listen, heads);
    const numbers = { teacher, trained, similarity, ...(larger === undefined ? {} : { whole: larger }) };
    return { student, compactors, step, fault: found, numbers };
  }

  async #lossOf({ student, loss }: Sound): Promise<number> {
    return loss ?? (await this.#heldOut.quietly(student)).loss;
  }

  /** Without the larger model that it was cut out of. */
  #remember({ student, compactors, heads, keptHeads }: Looked, step: number, loss: number | undefined): void {
    this.#sound = { student, compactors, heads: keptHeads ?? heads, step, loss };
  }

  dispose(): void {
    this.#heldOut.dispose();
    this.#attention.dispose();
  }
}
