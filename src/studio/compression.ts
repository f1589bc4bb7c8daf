import { agreement, Evaluator, type Evaluation } from '../analysis/evaluation.ts';
import type { BatchShape } from '../bert/masked.ts';
import type { BertModel } from '../bert/model.ts';
import type { Engine } from '../engines/engine.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { NamedTensors } from '../tensor/tensor.ts';
import type { Corpus } from '../text/corpus.ts';
import { BatchStream, fixedBatches, maskedSlots, type MaskedBatch } from '../text/maskedBatch.ts';
import { linearSchedule } from '../training/learningRate.ts';
import { mergeStudent } from '../training/mergeStudent.ts';
import { Trainer } from '../training/trainer.ts';
import { compactorTraining, frozenName, keptNorms, teacherShapes, weightTraining, type TrainingGraph } from '../training/trainingGraph.ts';
import { calibrateOnePass } from '../wid/calibrate.ts';
import { keepHeads } from '../wid/keepHeads.ts';
import { gatherMoments } from '../wid/moments.ts';
import { calibrateSequentially } from '../wid/sequential.ts';
import { spacesOf, spaceTable, type SpaceTable } from '../wid/spaces.ts';
import type { HeldOut, Recipe, RunResult, StudioListener } from './studioApi.ts';
import type { Teacher } from './teacher.ts';

export const MASKING = 0.15;
/** Batches of the held-out split at each evaluation. */
const EVALUATION_BATCHES = 8;

/** Lets a caller wait or end between steps. */
export interface RunControl {
  /** Resolves at once, or when a pause ends; false = stop here. */
  proceed(): Promise<boolean>;
}

export function recipeTable(teacher: Teacher, recipe: Recipe): SpaceTable {
  const { student } = recipe;
  return spaceTable(
    spacesOf(teacher.model.config),
    {
      residual: student.hiddenSize,
      heads: student.heads,
      headSize: student.headSize,
      inner: student.intermediateSize,
      layers: student.layers,
    },
    recipe.tied,
  );
}

/** The whole run of `calibrated` mode: calibrate, train compactors, reparameterise, polish; held-out numbers on the way. */
export async function compress(
  engine: Engine,
  teacher: Teacher,
  corpus: Corpus,
  recipe: Recipe,
  control: RunControl,
  listen: StudioListener,
): Promise<{ student: BertModel; result: RunResult }> {
  const began = performance.now();
  const table = recipeTable(teacher, recipe);
  const shape: BatchShape = { batch: recipe.batch, sequence: recipe.sequence, slots: maskedSlots(recipe.batch, recipe.sequence, MASKING) };
  if (recipe.sequence > teacher.model.config.maxPositions)
    throw new StudioError(
      'recipe',
      `recipe: sequences of ${recipe.sequence} tokens; the teacher knows ${teacher.model.config.maxPositions} positions. Choose at most that.`,
    );

  const judge = await HeldOutJudge.create(engine, teacher, corpus, recipe, shape);
  listen({ kind: 'heldOut', step: 0, model: 'teacher', value: judge.teacher });

  const stream = new BatchStream(corpus.train, recipe.sequence, recipe.batch, teacher.tokenizer, recipe.seed, MASKING);
  const count = Math.max(1, Math.ceil(recipe.calibrationTokens / (recipe.batch * recipe.sequence)));
  const batches = Array.from({ length: count }, () => calibrationBatch(stream.next()));
  const moments = await gatherMoments(engine, teacher.model, recipe.batch, recipe.sequence, batches, (done, total) =>
    listen({ kind: 'progress', stage: 'Reading the teacher', done, total }),
  );
  listen({ kind: 'progress', stage: 'Solving compactors', done: 0, total: 1 });
  const onePass = calibrateOnePass(teacher.model, table, moments);
  listen({ kind: 'progress', stage: 'Solving compactors', done: 1, total: 1 });
  const heads = keepHeads(teacher.model.tensors, table.teacher.headSize, onePass.heads);
  const norms = keptNorms(teacher.model.tensors, table, onePass.residual);
  const calibration =
    recipe.calibration === 'one-pass'
      ? onePass
      : await calibrateSequentially(engine, teacher.model, heads, table, onePass, norms, recipe, batches, (done, total) =>
          listen({ kind: 'progress', stage: 'Fitting layer by layer', done, total }),
        );
  const start = new Map([...calibration.compactors, ...norms]);

  let student = await mergeStudent(engine, teacher.model, heads, table, start);
  const untrained = await judge.student(student, 0, listen);

  const compactorSteps = Math.round(recipe.steps * recipe.compactorShare);
  const ticker = new Ticker(recipe, listen, began);
  let done = 0;
  let going = true;
  const phase = async (
    name: 'compactors' | 'polish',
    steps: number,
    rate: number,
    graph: TrainingGraph,
    tensors: NamedTensors,
    asStudent: (trained: NamedTensors) => Promise<BertModel>,
  ): Promise<void> => {
    const trainer = await Trainer.create(engine, graph, shape, tensors, {
      beta1: 0.9,
      beta2: 0.98,
      epsilon: 1e-8,
      clipNorm: recipe.clipNorm,
    });
    try {
      for (let step = 0; step < steps && going; step++) {
        const learningRate = linearSchedule(step, steps, rate, recipe.warmup);
        const metrics = await trainer.step(stream.next(), learningRate);
        done += 1;
        ticker.step(done, name, metrics.loss, metrics.gradientNorm, learningRate);
        if (done % recipe.evaluateEvery === 0 && done < recipe.steps)
          await judge.student(await asStudent(await trainer.read()), done, listen);
        going = await control.proceed();
      }
      student = await asStudent(await trainer.read());
    } finally {
      trainer.dispose();
    }
  };

  if (compactorSteps > 0) {
    const frozen = new Map(
      [...teacherShapes(teacher.model.config, table).keys()].flatMap((name) => {
        const tensor = heads.get(name);
        return tensor === undefined ? [] : [[frozenName(name), tensor] as const];
      }),
    );
    await phase(
      'compactors',
      compactorSteps,
      recipe.compactorLearningRate,
      compactorTraining(teacher.model.config, table, shape),
      new Map([...start, ...frozen]),
      (trained) => mergeStudent(engine, teacher.model, heads, table, trained),
    );
  }
  if (going && recipe.steps > compactorSteps) {
    const { config } = student;
    await phase(
      'polish',
      recipe.steps - compactorSteps,
      recipe.polishLearningRate,
      weightTraining(config, shape, recipe.weightDecay),
      student.tensors,
      (trained) => Promise.resolve({ config, tensors: trained }),
    );
  }
  const trained = await judge.student(student, done, listen);
  const result: RunResult = {
    teacher: judge.teacher,
    untrained,
    trained,
    stepsDone: done,
    stopped: !going,
    seconds: (performance.now() - began) / 1000,
  };
  judge.dispose();
  return { student, result };
}

function calibrationBatch(batch: MaskedBatch): { inputIds: Int32Array; typeIds: Int32Array; attention: Uint8Array } {
  return {
    inputIds: batch.inputIds,
    typeIds: new Int32Array(batch.inputIds.length),
    attention: Uint8Array.from(batch.attentionMask, (x) => (x === 0 ? 1 : 0)),
  };
}

/** Held-out numbers of teacher and student on the same fixed masking. */
export class HeldOutJudge {
  readonly teacher: HeldOut;
  readonly #teacherRun: Evaluation;
  readonly #engine: Engine;
  readonly #batches: readonly MaskedBatch[];
  readonly #shape: BatchShape;
  #evaluator: Evaluator | undefined;

  private constructor(engine: Engine, shape: BatchShape, batches: readonly MaskedBatch[], teacherRun: Evaluation) {
    this.#engine = engine;
    this.#shape = shape;
    this.#batches = batches;
    this.#teacherRun = teacherRun;
    this.teacher = { loss: teacherRun.loss, accuracy: teacherRun.accuracy, agreement: 1 };
  }

  static async create(engine: Engine, teacher: Teacher, corpus: Corpus, recipe: Recipe, shape: BatchShape): Promise<HeldOutJudge> {
    const batches = fixedBatches(
      corpus.heldOut,
      recipe.sequence,
      recipe.batch,
      teacher.tokenizer,
      recipe.seed,
      EVALUATION_BATCHES,
      MASKING,
    );
    const evaluator = await Evaluator.create(engine, teacher.model, shape);
    try {
      return new HeldOutJudge(engine, shape, batches, await evaluator.evaluate(batches));
    } finally {
      evaluator.dispose();
    }
  }

  async student(model: BertModel, step: number, listen: StudioListener): Promise<HeldOut> {
    if (this.#evaluator === undefined) this.#evaluator = await Evaluator.create(this.#engine, model, this.#shape);
    else this.#evaluator.load(model);
    const run = await this.#evaluator.evaluate(this.#batches);
    const value = { loss: run.loss, accuracy: run.accuracy, agreement: agreement(run.predictions, this.#teacherRun.predictions) };
    listen({ kind: 'heldOut', step, model: 'student', value });
    return value;
  }

  dispose(): void {
    this.#evaluator?.dispose();
  }
}

/** Speed and time left from a moving average, so that evaluations and pauses do not shake them. */
class Ticker {
  readonly #recipe: Recipe;
  readonly #listen: StudioListener;
  #last: number;
  #pace = 0;

  constructor(recipe: Recipe, listen: StudioListener, now: number) {
    this.#recipe = recipe;
    this.#listen = listen;
    this.#last = now;
  }

  step(step: number, phase: 'compactors' | 'polish', loss: number, gradientNorm: number, learningRate: number): void {
    const now = performance.now();
    const seconds = (now - this.#last) / 1000;
    this.#last = now;
    // The first step also holds calibration and compilation.
    if (step === 2) this.#pace = seconds;
    else if (step > 2) this.#pace += 0.1 * (Math.min(seconds, 4 * this.#pace) - this.#pace);
    const pace = step === 1 ? Number.NaN : this.#pace;
    this.#listen({
      kind: 'step',
      step,
      steps: this.#recipe.steps,
      phase,
      loss,
      gradientNorm,
      learningRate,
      tokensPerSecond: Number.isNaN(pace) ? 0 : (this.#recipe.batch * this.#recipe.sequence) / pace,
      secondsLeft: Number.isNaN(pace) ? 0 : pace * (this.#recipe.steps - step),
    });
  }
}
