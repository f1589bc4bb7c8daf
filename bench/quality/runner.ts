import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { Evaluator } from '../../src/analysis/evaluation.ts';
import { countParameters, type BertModel } from '../../src/models/model.ts';
import { DEMO_TEACHER, DEMO_TEXT, filesOf } from '../../src/cli/files.ts';
import { WasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { compress } from '../../src/studio/compression/compression.ts';
import { defaultRecipe, recipeTable, trainingStream } from '../../src/studio/recipe/recipe.ts';
import type { Evaluation, TaskBatch } from '../../src/tasks/task.ts';
import type { RunState } from '../../src/studio/runs/runState.ts';
import { loadCorpus } from '../../src/studio/texts/textLoading.ts';
import { methodOf } from '../../src/studio/methods/registry.ts';
import { stepShape } from '../../src/studio/recipe/recipe.ts';
import type { Recipe } from '../../src/studio/api/recipe.ts';
import type { HeldOut, StudioEvent } from '../../src/studio/api/run.ts';
import { readTeacher, type Teacher } from '../../src/studio/teacher/teacher.ts';
import { splitOf, type Corpus } from '../../src/text/corpus.ts';
import { teacherStates } from '../../src/training/teacherStates.ts';
import { recipeOf, type Cell } from './cells.ts';
import { measured, type CellResult, type TeacherResult, type Versions } from './results.ts';

/** Every student is judged on the same eight maskings of the whole held-out text. */
const MASKINGS = 8;
const JUDGED_AT_ONCE = 8;

/** A step-0 state of a run and what it cost. */
interface Start {
  readonly state: Omit<RunState, 'recipe'>;
  readonly student: BertModel;
  readonly maskings: readonly Evaluation[];
  readonly seconds: number;
}

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

const always = { proceed: (): Promise<boolean> => Promise.resolve(true) };

/** Runs cells on the demo teacher and prose, on one thread of the CPU engine. */
export class Runner {
  readonly #engine: WasmEngine;
  readonly #teacher: Teacher;
  readonly #corpus: Corpus;
  readonly #maskings: readonly (readonly TaskBatch[])[];
  readonly #starts = new Map<string, Start>();
  #teacherRuns: readonly Evaluation[] | undefined;

  private constructor(engine: WasmEngine, teacher: Teacher, corpus: Corpus) {
    this.#engine = engine;
    this.#teacher = teacher;
    this.#corpus = corpus;
    this.#maskings = Array.from({ length: MASKINGS }, (_, masking) =>
      teacher.task.heldOut(
        { ...splitOf(corpus, 'heldOut'), tokenizer: teacher.tokenizer },
        JUDGED_AT_ONCE,
        1000 + masking,
        Number.POSITIVE_INFINITY,
      ),
    );
  }

  static async create(): Promise<Runner> {
    const engine = await WasmEngine.create(1);
    const teacher = await readTeacher('demo', filesOf(DEMO_TEACHER));
    const { sequence } = defaultRecipe(teacher.report);
    const wish = { sequence, seed: 1 };
    const { corpus } = await loadCorpus('prose', filesOf(DEMO_TEXT), teacher.tokenizer, wish, () => {}, new AbortController().signal);
    return new Runner(engine, teacher, corpus);
  }

  async teacher(): Promise<TeacherResult> {
    const runs = await this.#judge(this.#teacher.model);
    return {
      ...summary(runs),
      parameters: countParameters(this.#teacher.model.config),
      sequences: (this.#maskings[0]?.length ?? 0) * JUDGED_AT_ONCE,
      versions: this.#versions(),
    };
  }

  async run(cell: Cell): Promise<CellResult> {
    const recipe = recipeOf(this.#teacher.report, cell);
    // Calibrated and plain starts are shared; modes that start from the whole teacher make their own.
    const own = recipe.mode === 'paper' || recipe.mode === 'progressive';
    const start = own ? undefined : await this.#start(recipe);
    const losses: number[] = [];
    const curve: { step: number; loss: number; accuracy: number }[] = [];
    const listen = (event: StudioEvent): void => {
      if (event.kind === 'step') losses.push(event.loss);
      if (event.kind === 'heldOut' && event.model === 'student')
        curve.push({ step: event.step, loss: event.value.loss, accuracy: event.value.accuracy });
    };
    const began = cpuSeconds();
    const from: RunState | undefined = start === undefined ? undefined : { recipe, ...start.state };
    const { model: student, result } = await compress(this.#engine, this.#teacher, this.#corpus, recipe, always, listen, from);
    const training = cpuSeconds() - began;
    // Where a larger model is trained than the student, its start is what training began with.
    const first = curve.find(({ step }) => step === 0) ?? result.untrained;
    return {
      cell,
      recipe,
      ...summary(await this.#judge(student)),
      untrained: start === undefined ? { loss: measured([first.loss]), accuracy: measured([first.accuracy]) } : summary(start.maskings),
      ...(result.whole === undefined ? {} : { gap: { whole: result.whole.loss, cut: result.trained.loss } }),
      similarity: { mean: result.similarity.mean, chance: result.similarity.chance },
      parameters: countParameters(student.config),
      curve,
      losses,
      fault: result.fault,
      seconds: { start: start?.seconds ?? 0, training },
      versions: this.#versions(),
    };
  }

  /** Held-out numbers of a run from a start of its own, and seconds of the CPU that it took. */
  async whole(
    change: (recipe: Recipe, teacher: Teacher) => Recipe,
  ): Promise<Pick<CellResult, 'loss' | 'accuracy' | 'recipe'> & { seconds: number }> {
    const recipe = change(defaultRecipe(this.#teacher.report), this.#teacher);
    const began = cpuSeconds();
    const { model } = await compress(this.#engine, this.#teacher, this.#corpus, recipe, always, () => {});
    const seconds = cpuSeconds() - began;
    return { recipe, seconds, ...summary(await this.#judge(model)) };
  }

  /** The same start serves all runs that differ in their training alone: a run resumed at step 0 gives the same numbers. */
  async #start(recipe: Recipe): Promise<Start> {
    const { mode, start, student, tied, calibration, calibrationTokens, seed, compactorShare, depth } = recipe;
    const compactors = mode === 'calibrated' && compactorShare > 0;
    const learns = compactors && recipe.teacherLearningRate > 0;
    const key = JSON.stringify([mode, start, student, tied, calibration, calibrationTokens, seed, compactors, learns, depth]);
    const known = this.#starts.get(key);
    if (known !== undefined) return known;
    const began = cpuSeconds();
    const stream = trainingStream(this.#teacher, this.#corpus, recipe);
    const table = recipeTable(this.#teacher, recipe);
    const point = await methodOf(recipe).start(
      { teacher: this.#teacher, table, recipe, shape: stepShape(this.#teacher.task, recipe), heads: new Map() },
      { engine: this.#engine, stream, control: always, listen: () => {} },
    );
    const seconds = cpuSeconds() - began;
    const maskings = await this.#judge(point.model);
    this.#teacherRuns ??= await this.#judge(this.#teacher.model);
    const { loss, accuracy } = summary(maskings);
    const same = maskings.map((run, i) => this.#teacher.task.agreement(run, this.#teacherRuns?.[i] ?? run));
    const untrained: HeldOut = { loss: loss.mean, accuracy: accuracy.mean, agreement: measured(same).mean };
    // What a run resumes from is all that it trains. No cell leaves out whole heads, so the teacher's tensors are whole.
    const theirs = teacherStates(this.#teacher.model.config, table, this.#teacher.model.tensors);
    const made: Start = {
      state: {
        phase: compactors ? 'compactors' : 'polish',
        done: 0,
        updates: 0,
        stream: stream.state(),
        heads: [...point.heads],
        untrained,
        seconds: 0,
        tensors: learns ? new Map([...theirs, ...point.compactors]) : compactors ? point.compactors : point.model.tensors,
        compactors: new Map(),
      },
      student: point.model,
      maskings,
      seconds,
    };
    this.#starts.set(key, made);
    return made;
  }

  async #judge(model: BertModel): Promise<Evaluation[]> {
    const { sequence } = this.#corpus;
    const { task } = this.#teacher;
    const size = { batch: JUDGED_AT_ONCE, sequence };
    const evaluator = await Evaluator.create(this.#engine, model, { task, ...size, slots: task.slots(size) });
    try {
      const runs: Evaluation[] = [];
      for (const batches of this.#maskings) runs.push(await evaluator.evaluate(batches));
      return runs;
    } finally {
      evaluator.dispose();
    }
  }

  #versions(): Versions {
    return {
      studio: studioVersion(),
      commit: commit(),
      node: process.versions.node,
      engine: `${this.#engine.describe().name}: ${this.#engine.describe().detail}`,
      processor: cpus()[0]?.model ?? 'unknown',
      date: new Date().toISOString().slice(0, 10),
    };
  }
}

function summary(runs: readonly Evaluation[]): Pick<CellResult, 'loss' | 'accuracy'> {
  return { loss: measured(runs.map(({ loss }) => loss)), accuracy: measured(runs.map(({ accuracy }) => accuracy)) };
}

function studioVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return /"version": "([^"]+)"/.exec(text)?.[1] ?? 'unknown';
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: new URL('../..', import.meta.url), encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}
