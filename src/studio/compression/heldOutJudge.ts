import { Evaluator } from '../../analysis/evaluation.ts';
import type { BertModel } from '../../models/model.ts';
import { asRunnable, type Runnable } from '../../models/runnable.ts';
import type { Engine } from '../../engines/engine.ts';
import type { Evaluation, StepShape, TaskBatch } from '../../tasks/task.ts';
import type { Corpus } from '../../text/corpus.ts';
import type { Recipe } from '../api/recipe.ts';
import type { HeldOut, StudioListener } from '../api/run.ts';
import { taskText } from '../teacher/sentenceTeacher.ts';
import type { Teacher } from '../teacher/teacher.ts';

/** Batches of the held-out split at each evaluation. */
const EVALUATION_BATCHES = 8;

/** Held-out numbers of teacher and student on the same fixed batches of the teacher's task. */
export class HeldOutJudge {
  readonly teacher: HeldOut;
  readonly #teacherRun: Evaluation;
  readonly #engine: Engine;
  readonly #batches: readonly TaskBatch[];
  readonly #shape: StepShape;
  #evaluator: Evaluator | undefined;

  private constructor(engine: Engine, shape: StepShape, batches: readonly TaskBatch[], teacherRun: Evaluation) {
    this.#engine = engine;
    this.#shape = shape;
    this.#batches = batches;
    this.#teacherRun = teacherRun;
    this.teacher = { loss: teacherRun.loss, accuracy: teacherRun.accuracy, agreement: 1 };
  }

  static async create(engine: Engine, teacher: Teacher, corpus: Corpus, recipe: Recipe, shape: StepShape): Promise<HeldOutJudge> {
    const text = taskText(teacher, corpus, 'heldOut');
    const most = Math.ceil((EVALUATION_BATCHES * recipe.batch) / shape.batch);
    const batches = shape.task.heldOut(text, shape.batch, recipe.seed, most);
    const known = shape.task.teacherOf?.(batches);
    if (known !== undefined) return new HeldOutJudge(engine, shape, batches, known);
    const evaluator = await Evaluator.create(engine, teacher.model, shape);
    try {
      return new HeldOutJudge(engine, shape, batches, await evaluator.evaluate(batches));
    } finally {
      evaluator.dispose();
    }
  }

  async student(model: BertModel | Runnable, step: number, listen: StudioListener): Promise<HeldOut> {
    const value = await this.quietly(model);
    listen({ kind: 'heldOut', step, model: 'student', value });
    return value;
  }

  /** The same without an event. */
  async quietly(model: BertModel | Runnable): Promise<HeldOut> {
    const runnable = asRunnable(model);
    if (this.#evaluator?.key !== runnable.key) {
      this.#evaluator?.dispose();
      this.#evaluator = await Evaluator.create(this.#engine, runnable, this.#shape);
    } else this.#evaluator.load(runnable);
    const run = await this.#evaluator.evaluate(this.#batches);
    return { loss: run.loss, accuracy: run.accuracy, agreement: this.#shape.task.agreement(run, this.#teacherRun) };
  }

  dispose(): void {
    this.#evaluator?.dispose();
  }
}
