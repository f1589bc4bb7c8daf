import type { BertModel } from '../../models/model.ts';
import type { Runnable } from '../../models/runnable.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { NamedTensors } from '../../tensor/tensor.ts';
import type { TaskStream } from '../../tasks/task.ts';
import { learningRateAt } from '../../training/learningRate.ts';
import { NormLimit } from '../../training/normLimit.ts';
import { DIVERGENCE_CURE, DivergenceError, Trainer } from '../../training/trainer.ts';
import { observedAt } from '../recipe/recipe.ts';
import type { TrainingGraph } from '../../training/trainingGraph.ts';
import type { RunState } from '../runs/runState.ts';
import type { PhaseName } from '../api/recipe.ts';
import type { HeldOut, RunResult, StudioListener } from '../api/run.ts';
import type { Looks } from './looks.ts';
import type { Engine } from '../../engines/engine.ts';
import type { Method } from '../methods/method.ts';
import type { Before, Phase, PhaseContext } from '../methods/phase.ts';
import type { KeptHeads, MergedStudent, Student } from '../student.ts';
import type { RunControl } from './runControl.ts';
import { Ticker } from './ticker.ts';
import type { WorkClock } from './workClock.ts';

/** A finished or stopped run. */
export interface Compressed extends MergedStudent {
  readonly result: RunResult;
}

/** What a run works with. */
export interface RunTools {
  readonly engine: Engine;
  readonly method: Method;
  /** Without heads, which training may decide about. */
  readonly context: Omit<PhaseContext, 'heads'>;
  readonly stream: TaskStream;
  readonly looks: Looks;
  readonly clock: WorkClock;
  readonly control: RunControl;
  readonly listen: StudioListener;
  /** How the start is made once more, if it can be; undefined if it is no student worth offering. */
  readonly start: { readonly again: (() => Promise<Student>) | undefined } | undefined;
}

/** Where a run stands before one of its phases. */
interface Standing extends Pick<Student, 'compactors' | 'heads'> {
  /** Steps whose numbers are told, over all phases. */
  readonly done: number;
  readonly untrained: HeldOut;
  readonly model: BertModel | undefined;
  readonly phase?: PhaseName;
  readonly norms?: readonly number[];
}

/** A run between its starting point and its result: what it has reached, phase by phase. */
export class Run {
  readonly #tools: RunTools;
  readonly #ticker: Ticker;
  readonly #untrained: HeldOut;
  #done: number;
  #going = true;
  /** What ended the run, without the student that is left and the cure. */
  #fault: string | null = null;
  #model: BertModel | undefined;
  #compactors: NamedTensors;
  /** Of what is evaluated. */
  #heads: KeptHeads;
  /** Trained tensors and moments that the phase before hands on. */
  #state: NamedTensors = new Map();
  /** What the last phase trained, where the student is cut out of it. */
  #whole: Runnable | undefined;
  /** What is usual in phases of this name. */
  #usual: { readonly phase: PhaseName | undefined; readonly limit: NormLimit };

  private constructor(tools: RunTools, { done, untrained, model, compactors, heads, phase, norms }: Standing) {
    this.#tools = tools;
    this.#ticker = new Ticker(tools.context.recipe, tools.listen, tools.clock);
    this.#untrained = untrained;
    this.#done = done;
    this.#model = model;
    this.#compactors = compactors;
    this.#heads = heads;
    this.#usual = { phase, limit: new NormLimit(norms) };
  }

  /** A new run, whose untrained student is judged first. */
  static async begin(tools: RunTools, start: Student): Promise<Run> {
    const { looks, context, method } = tools;
    const untrained = await looks.atStart(start);
    looks.norms(0, method.startNorms?.(context.table, start.compactors) ?? []);
    return new Run(tools, { ...start, heads: start.larger?.heads ?? start.heads, done: 0, untrained });
  }

  /** A run that goes on from a kept state. */
  static resume(tools: RunTools, from: RunState): Run {
    tools.stream.restore(from.stream);
    tools.looks.resume(from.untrained);
    return new Run(tools, { ...from, model: undefined, heads: new Map(from.heads) });
  }

  get heads(): KeptHeads {
    return this.#heads;
  }

  /** Trains a phase to its end, a stop or a fault; nothing where the run is over already. */
  async train(phase: Phase, resumed: RunState | undefined): Promise<void> {
    if (!this.#going || phase.schedule.last <= phase.schedule.first) return;
    const { engine, context } = this.#tools;
    const { shape } = context;
    const { first } = phase.schedule;
    const graph = phase.graph();
    if (resumed !== undefined) await this.#remember(phase, graph, resumed);
    const before = this.#before();
    const tensors = new Map([...(await phase.frozen(before, engine)), ...(resumed?.tensors ?? phase.trained(before))]);
    if (phase.name !== this.#usual.phase) this.#usual = { phase: phase.name, limit: new NormLimit() };
    const trainer = await Trainer.create(engine, graph, shape, tensors, phase.optimiser, resumed?.updates ?? first, this.#usual.limit);
    let trained: NamedTensors;
    try {
      await this.#steps(phase, trainer);
      trained = await trainer.read();
      this.#state = phase.handsOn === true ? new Map([...trained, ...(await trainer.moments())]) : new Map();
    } finally {
      // Before the merge: both at once may be more memory than an engine has.
      trainer.dispose();
    }
    const compactors = await this.#compacted(phase, trained);
    this.#model = await phase.student(engine, trained, compactors);
    this.#tools.looks.norms(this.#done, phase.norms(compactors));
    if (phase.name === 'compactors') this.#compactors = compactors;
    this.#heads = phase.heads?.(trained) ?? this.#heads;
    this.#whole = phase.runnable?.(trained);
  }

  /** The student that the run leaves, judged. */
  async end(): Promise<Compressed> {
    const { looks, method } = this.#tools;
    if (this.#model === undefined) throw new Error('compression: a run ended without a student');
    const last = { model: this.#model, heads: this.#heads, compactors: this.#compactors };
    const { task } = this.#tools.context.teacher;
    // A run that was stopped calibrates nothing more.
    const start = this.#tools.start === undefined ? undefined : { again: this.#going ? this.#tools.start.again : undefined };
    const { model, step, compactors, numbers, fault } = await looks.last(this.#done, last, this.#fault, this.#whole, start);
    const result: RunResult = {
      ...numbers,
      untrained: this.#untrained,
      stepsDone: this.#done,
      ...(step === this.#done ? {} : { studentStep: step }),
      stopped: !this.#going,
      fault: fault === null ? null : `run: ${fault}; the student is that of step ${step}. ${DIVERGENCE_CURE}`,
      seconds: this.#tools.clock.seconds(),
      ...(task.words.overVocabulary === true ? { vocabularySize: model.config.vocabSize } : {}),
    };
    return { model, compactors: method.merged === undefined ? new Map() : compactors, result };
  }

  /** The steps of a phase. A fault ends the run, and leaves the trainer at the last step that was sound. */
  async #steps(phase: Phase, trainer: Trainer): Promise<void> {
    const { control } = this.#tools;
    try {
      while (trainer.updates < phase.schedule.last && this.#going) {
        await this.#handOver(phase, trainer);
        const step = this.#done + trainer.onTheWay;
        const looks = observedAt(this.#tools.context.recipe, step);
        await this.#tell(phase, trainer, looks ? 0 : trainer.ahead);
        if (looks) await this.#look(phase, trainer);
        if (!this.#going) return;
        if ((await control.wantsState?.(step)) === true) await this.#keep(phase, trainer);
        if (control.holds?.() === true) await this.#tell(phase, trainer, 0);
        this.#going = await this.#tools.clock.rest(() => control.proceed());
      }
      await this.#tell(phase, trainer, 0);
    } catch (error) {
      if (!(error instanceof DivergenceError)) throw error;
      // The trainer counts the phase's steps, a user the run's.
      this.#fault = error.at(this.#done);
      this.#going = false;
    }
  }

  async #handOver(phase: Phase, trainer: Trainer): Promise<void> {
    const { stream } = this.#tools;
    const { total, rate, warmup, decay } = phase.schedule;
    if (trainer.onTheWay === 0) this.#ticker.begin();
    await phase.beforeStep?.(trainer);
    await trainer.handOver(stream.next(), learningRateAt(trainer.updates, total, rate, warmup, decay));
  }

  /** Tells the numbers of steps until so many are still on the way. @throws DivergenceError */
  async #tell(phase: Phase, trainer: Trainer, left: number): Promise<void> {
    while (trainer.onTheWay > left) {
      const { loss, gradientNorm, learningRate } = await trainer.settle();
      this.#done += 1;
      this.#ticker.step(this.#done, phase.name, loss, gradientNorm, learningRate);
    }
  }

  /** What a run that goes on falls back to, until it is looked at: the student as it was kept. */
  async #remember(phase: Phase, graph: TrainingGraph, { tensors }: RunState): Promise<void> {
    const own = new Map([...tensors].filter(([name]) => graph.trained.has(name) || graph.rewritten?.has(name) === true));
    await this.#tools.looks.kept(this.#done, await this.#standing(phase, own));
  }

  /** Judges the student as it stands, and ends the run where that is beyond all measure; nothing may be on the way. */
  async #look(phase: Phase, trainer: Trainer): Promise<void> {
    this.#ticker.begin();
    const student = await this.#standing(phase, await trainer.read());
    const { looks } = this.#tools;
    looks.norms(this.#done, phase.norms(student.trained));
    const { loss } = await looks.at(this.#done, student);
    this.#ticker.evaluated();
    this.#fault = looks.explosion(loss, this.#done);
    if (this.#fault !== null) this.#going = false;
  }

  #before(): Before {
    return { model: this.#model, compactors: this.#compactors, state: this.#state };
  }

  /** What these states amount to as compactors; the states themselves if the phase does not say. */
  async #compacted(phase: Phase, trained: NamedTensors): Promise<NamedTensors> {
    return (await phase.compactors?.(this.#tools.engine, trained, this.#before())) ?? trained;
  }

  /** The student that these states make, and what belongs to it. */
  async #standing(phase: Phase, trained: NamedTensors): Promise<Student & { readonly trained: NamedTensors }> {
    const runnable = phase.runnable?.(trained);
    const compacted = await this.#compacted(phase, trained);
    return {
      trained: compacted,
      model: await phase.student(this.#tools.engine, trained, compacted),
      compactors: phase.name === 'compactors' ? compacted : this.#compactors,
      heads: phase.heads?.(trained) ?? this.#heads,
      ...(runnable === undefined ? {} : { larger: { runnable, heads: this.#heads } }),
    };
  }

  async #keep(phase: Phase, trainer: Trainer): Promise<void> {
    const { control, context, method, stream } = this.#tools;
    if (control.keep === undefined) return;
    await this.#tell(phase, trainer, 0);
    await control.keep({
      recipe: context.recipe,
      phase: phase.name,
      done: this.#done,
      updates: trainer.updates,
      stream: stream.state(),
      heads: [...this.#heads],
      untrained: this.#untrained,
      norms: this.#usual.limit.norms,
      seconds: this.#tools.clock.seconds(),
      tensors: await trainer.state(),
      compactors: phase.keepsBefore === true || (phase.name === 'polish' && method.merged !== undefined) ? this.#compactors : new Map(),
    });
  }
}

/**
 * The phases that a kept state leaves to train, the one it was kept in first.
 * @throws StudioError if there is none that it can belong to
 */
export function phasesFrom(phases: readonly Phase[], from: RunState): readonly Phase[] {
  const at = phases.findIndex(
    ({ name, schedule }) => name === from.phase && from.updates >= schedule.first && from.updates <= schedule.last,
  );
  if (at < 0)
    throw new StudioError('checkpoint', `run: its checkpoint is of phase "${from.phase}", which this recipe has not. Start the run again.`);
  return phases.slice(at);
}
