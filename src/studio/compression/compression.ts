import type { BertModel } from '../../bert/model.ts';
import type { Runnable } from '../../bert/runnable.ts';
import type { Engine } from '../../engines/engine.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { NamedTensors, Tensor } from '../../tensor/tensor.ts';
import type { Corpus } from '../../text/corpus.ts';
import { BatchStream, splitBatch } from '../../text/maskedBatch.ts';
import { learningRateAt } from '../../training/learningRate.ts';
import { DivergenceError, Trainer } from '../../training/trainer.ts';
import { AttentionJudge } from './attentionJudge.ts';
import { HeldOutJudge } from './heldOutJudge.ts';
import { compactorNorms, type SpaceNorms } from '../../wid/norms.ts';
import type { Phase, PhaseContext, StartingPoint } from './phase.ts';
import { phasesOf } from './phases.ts';
import { checkRecipe, judgedShape, observedAt, recipeTable, stepShape } from '../recipe/recipe.ts';
import type { RunState } from '../runs/runState.ts';
import { paperStartingPoint } from './paperPhase.ts';
import { startingPoint } from './startingPoint.ts';
import type { Recipe, RunResult, StudioListener } from '../studioApi.ts';
import type { Teacher } from '../teacher/teacher.ts';
import { Ticker } from './ticker.ts';
import { WorkClock } from './workClock.ts';

/** Lets a caller wait or end between steps, and keep what is needed to go on. */
export interface RunControl {
  /** Resolves at once, or when a pause ends; false = stop here. */
  proceed(): Promise<boolean>;
  /** Whether the state should be kept after this step. */
  wantsState?(step: number): Promise<boolean>;
  keep?(state: RunState): Promise<void>;
  /** Milliseconds that never jump. */
  now?(): number;
}

/** A finished or stopped run. */
export interface Compressed {
  readonly student: BertModel;
  /** Compactors and LayerNorms that the student was last merged from; empty where there were none. */
  readonly compactors: NamedTensors;
  readonly result: RunResult;
}

/**
 * A whole run: start (calibrated, selected or fresh), train phase by phase, held-out numbers on the way.
 *
 * @param from a kept state of the same recipe, teacher and text: the run goes on from there with the same numbers
 */
export async function compress(
  engine: Engine,
  teacher: Teacher,
  corpus: Corpus,
  recipe: Recipe,
  control: RunControl,
  listen: StudioListener,
  from?: RunState,
): Promise<Compressed> {
  checkRecipe(teacher, recipe);
  const clock = new WorkClock(() => control.now?.() ?? performance.now(), from?.seconds);
  const table = recipeTable(teacher, recipe);
  const shape = stepShape(recipe);
  const masking = { probability: recipe.masking, wholeWords: recipe.wholeWords };
  const stream = new BatchStream(corpus.train, recipe.sequence, recipe.batch, teacher.tokenizer, recipe.seed, masking);

  const judge = await HeldOutJudge.create(engine, teacher, corpus, recipe, judgedShape(recipe));
  let attention: AttentionJudge | undefined;
  try {
    listen({ kind: 'heldOut', step: 0, model: 'teacher', value: judge.teacher });
    const context = (heads: PhaseContext['heads']): PhaseContext => ({ engine, teacher, table, recipe, shape, heads });
    const begin = (): Promise<StartingPoint> =>
      recipe.mode === 'paper'
        ? paperStartingPoint(context(new Map()))
        : startingPoint(engine, teacher, table, recipe, stream, control, listen);
    const start = from === undefined ? await begin() : undefined;
    let heads: ReadonlyMap<number, readonly number[]> = start?.heads ?? new Map(from?.heads);
    attention = await AttentionJudge.create(engine, teacher, corpus, recipe, table, heads);
    let student = start?.student;
    let compactors: NamedTensors = start?.compactors ?? from?.compactors ?? new Map();
    // Trained tensors and moments of the phase before, and the model that it trained where the student is cut out of it.
    let state: NamedTensors = new Map();
    let whole: Runnable | undefined;
    let untrained = from?.untrained;
    if (start !== undefined) {
      const judged = start.runnable ?? start.student;
      untrained = await judge.student(judged, 0, listen);
      await attention.student(judged, 0, listen, heads);
    }
    if (from !== undefined) stream.restore(from.stream);

    const ticker = new Ticker(recipe, listen, clock);
    let done = from?.done ?? 0;
    let going = true;
    let fault: string | null = null;
    // What a diverged run falls back to: an update may blow the weights up before any number stops being finite.
    let lastGood = student;
    let lastLoss = untrained?.loss ?? Number.POSITIVE_INFINITY;
    let normsAt = -1;
    const showNorms = (spaces: SpaceNorms[]): void => {
      // An evaluation and the end of a phase may fall on one step.
      if (spaces.length === 0 || normsAt === done) return;
      normsAt = done;
      listen({ kind: 'norms', step: done, spaces });
    };
    if (recipe.mode === 'calibrated' && start !== undefined) showNorms(compactorNorms(table, compactors));
    const observe = async (phase: Phase, tensors: NamedTensors): Promise<void> => {
      ticker.begin();
      showNorms(phase.norms(tensors));
      const model = await phase.student(tensors);
      const judged = phase.runnable?.(tensors) ?? model;
      const { loss } = await judge.student(judged, done, listen);
      if (Number.isFinite(loss)) [lastGood, lastLoss] = [model, loss];
      await attention?.student(judged, done, listen, heads);
      ticker.evaluated();
    };

    const run = async (phase: Phase, resumed: RunState | undefined): Promise<void> => {
      const tensors = new Map([...phase.frozen(), ...(resumed?.tensors ?? phase.trained({ student, compactors, state }))]);
      const { first, last, total, rate, warmup, decay } = phase.schedule;
      const trainer = await Trainer.create(engine, phase.graph(), shape, tensors, phase.optimiser, resumed?.updates ?? first);
      try {
        while (trainer.updates < last && going) {
          const learningRate = learningRateAt(trainer.updates, total, rate, warmup, decay);
          ticker.begin();
          await phase.beforeStep?.(trainer);
          const { loss, gradientNorm } = await trainer.step(splitBatch(stream.next(), recipe.accumulation, shape.slots), learningRate);
          done += 1;
          ticker.step(done, phase.name, loss, gradientNorm, learningRate);
          if (observedAt(recipe, done)) await observe(phase, await trainer.read());
          const keep = async (): Promise<void> => {
            if (control.keep === undefined || untrained === undefined) return;
            await control.keep({
              recipe,
              phase: phase.name,
              done,
              updates: trainer.updates,
              stream: stream.state(),
              heads: [...heads],
              untrained,
              seconds: clock.seconds(),
              tensors: await trainer.state(),
              compactors: phase.name === 'polish' && recipe.mode !== 'progressive' ? compactors : new Map(),
            });
          };
          if ((await control.wantsState?.(done)) === true) await keep();
          going = await clock.rest(() => control.proceed());
        }
      } catch (error) {
        if (!(error instanceof DivergenceError)) {
          trainer.dispose();
          throw error;
        }
        // The trainer counts the phase's steps, a user the run's.
        fault = new DivergenceError(done, error.loss, error.norm).message;
        going = false;
      }
      let trained: Map<string, Tensor>;
      try {
        trained = await trainer.read();
        state = await trainer.state();
      } finally {
        // Before the merge: both at once may be more memory than an engine has.
        trainer.dispose();
      }
      student = await phase.student(trained);
      showNorms(phase.norms(trained));
      if (phase.name === 'compactors') compactors = trained;
      heads = phase.heads?.(trained) ?? heads;
      whole = phase.runnable?.(trained);
    };

    let reached = from === undefined;
    for (const phase of phasesOf(context(heads))) {
      const { first, last } = phase.schedule;
      const here = from !== undefined && from.phase === phase.name && from.updates >= first && from.updates <= last;
      const resumed = !reached && here ? from : undefined;
      reached ||= resumed !== undefined;
      if (reached && going && last > first) await run(phase, resumed);
    }
    if (!reached)
      throw new StudioError(
        'checkpoint',
        `run: its checkpoint is of phase "${from?.phase}", which this recipe has not. Start the run again.`,
      );
    if (student === undefined || untrained === undefined) throw new Error('compression: a run ended without a student');
    let trained = await judge.student(student, done, listen);
    if ((fault !== null || !Number.isFinite(trained.loss)) && !(trained.loss <= lastLoss) && lastGood !== undefined) {
      student = lastGood;
      trained = await judge.student(student, done, listen);
    }
    const similarity = await attention.student(student, done, listen, heads);
    const result: RunResult = {
      teacher: judge.teacher,
      untrained,
      trained,
      similarity,
      stepsDone: done,
      stopped: !going,
      fault,
      seconds: clock.seconds(),
      ...(whole === undefined ? {} : { whole: await judge.quietly(whole) }),
    };
    return { student, compactors: recipe.mode === 'progressive' ? new Map() : compactors, result };
  } finally {
    judge.dispose();
    attention?.dispose();
  }
}
