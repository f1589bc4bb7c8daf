import { StudioError } from '../tensor/studioError.ts';
import type { BertModel } from '../bert/model.ts';
import { countParameters } from '../bert/model.ts';
import type { Engine } from '../engines/engine.ts';
import { ReferenceEngine } from '../engines/reference/referenceEngine.ts';
import { WasmEngine } from '../engines/wasm/wasmEngine.ts';
import { buildCorpus, readText, type Corpus } from '../text/corpus.ts';
import { studentConfig } from '../wid/spaces.ts';
import { compress, type RunControl } from './compression.ts';
import { defaultRecipe, recipeTable } from './recipe.ts';
import { presetsOf, studentFor } from './presets.ts';
import { evaluateCheckpoints } from './evaluateCheckpoints.ts';
import { compareAttention, compareFill } from './sentenceCompare.ts';
import { exportStudent } from './studentExport.ts';
import { fingerprintOf } from './checkpointFile.ts';
import type { RunState } from './runState.ts';
import type { RunStore } from './runStore.ts';
import type {
  EngineChoice,
  EngineReport,
  ModelShape,
  PlanReport,
  Recipe,
  RunResult,
  StudioApi,
  StudioListener,
  UnfinishedRun,
} from './studioApi.ts';
import { stepCosts } from './stepCost.ts';
import { readTeacher, type Teacher } from './teacher.ts';

/** Steps between checkpoints when nothing else asks for one. */
const KEEP_EVERY = 25;

/** Pause, resume and stop, heard between steps; says when the run's state is to be kept. */
class Gate implements RunControl {
  readonly keep?: (state: RunState) => Promise<void>;
  #open: Promise<void> = Promise.resolve();
  #release: (() => void) | undefined;
  #stopped = false;
  #asked = false;

  constructor(keep: ((state: RunState) => Promise<void>) | undefined) {
    if (keep !== undefined) this.keep = keep;
  }

  async wantsState(step: number): Promise<boolean> {
    // A turn of the event loop, so that pause and stop can arrive.
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
    const wants = this.#asked || step % KEEP_EVERY === 0;
    this.#asked = false;
    return wants;
  }

  /** Keeps the state after the step at hand. */
  ask(): void {
    this.#asked = true;
  }

  async proceed(): Promise<boolean> {
    await this.#open;
    return !this.#stopped;
  }

  pause(): void {
    this.ask();
    if (this.#release !== undefined) return;
    this.#open = new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  resume(): void {
    this.#release?.();
    this.#release = undefined;
  }

  stop(): void {
    this.ask();
    this.#stopped = true;
    this.resume();
  }
}

/** One user's work: a teacher, a text, an engine, and at most one run at a time. */
export function createSession(store?: RunStore): StudioApi {
  let engine: Engine | undefined;
  let teacher: Teacher | undefined;
  let corpus: Corpus | undefined;
  let gate: Gate | undefined;
  const fingerprints = { teacher: '', text: '' };
  let finished: { student: BertModel; result: RunResult; recipe: Recipe } | undefined;

  const needTeacher = (): Teacher => {
    if (teacher === undefined) throw new StudioError('order', 'session: load a teacher first.');
    return teacher;
  };
  const needFinished = (): NonNullable<typeof finished> => {
    if (gate !== undefined || finished === undefined)
      throw new StudioError('order', 'session: comparing needs a finished run. Wait for it to end, or stop it.');
    return finished;
  };
  const needEngine = async (): Promise<Engine> => {
    engine ??= await WasmEngine.create(defaultThreads());
    return engine;
  };

  const train = async (recipe: Recipe, run: string, listen: StudioListener, state?: RunState): Promise<RunResult> => {
    if (gate !== undefined) throw new StudioError('order', 'session: a run is going on. Stop it before starting another.');
    const from = needTeacher();
    if (corpus === undefined) throw new StudioError('order', 'session: load a text first.');
    if (corpus.sequence !== recipe.sequence)
      throw new StudioError(
        'order',
        `session: the text is packed to ${corpus.sequence} tokens, the recipe asks for ${recipe.sequence}. Load the text again.`,
      );
    const marks = { ...fingerprints };
    let writing: Promise<void> = Promise.resolve();
    const keep =
      store === undefined
        ? undefined
        : (kept: RunState): Promise<void> => {
            writing = store.save(run, { state: kept, fingerprints: marks, savedAt: Date.now() }).then(
              () => listen({ kind: 'kept', step: kept.done }),
              (error: unknown) =>
                listen({ kind: 'notKept', step: kept.done, reason: error instanceof Error ? error.message : String(error) }),
            );
            return Promise.resolve();
          };
    gate = new Gate(keep);
    try {
      const { student, result } = await compress(await needEngine(), from, corpus, recipe, gate, listen, state);
      finished = { student, result, recipe };
      await writing;
      if (!result.stopped) await store?.remove(run);
      return result;
    } finally {
      gate = undefined;
    }
  };

  return {
    async engine(choice: EngineChoice, threads?: number): Promise<EngineReport> {
      if (choice === 'webgpu') throw new StudioError('engine', 'engine: webgpu is not built yet. Choose cpu.');
      if (gate !== undefined) throw new StudioError('order', 'session: a run is going on. Stop it before changing the engine.');
      engine?.dispose();
      engine = choice === 'reference' ? new ReferenceEngine() : await WasmEngine.create(threads ?? defaultThreads());
      return engine.describe();
    },
    async loadTeacher(name, files) {
      const read = readTeacher(name, files);
      fingerprints.teacher = await fingerprintOf(files);
      teacher = read;
      corpus = undefined;
      finished = undefined;
      return teacher.report;
    },
    async loadText(name, files, sequence, seed) {
      const documents = files.map((file) => readText(file.path, file.bytes));
      const built = buildCorpus(documents, needTeacher().tokenizer, sequence, seed);
      fingerprints.text = `${await fingerprintOf(files)} ${sequence} ${seed}`;
      corpus = built;
      return {
        name,
        documents: built.documents,
        tokens: built.tokens,
        trainSequences: built.train.length / sequence,
        heldOutSequences: built.heldOut.length / sequence,
        sequence,
        unknownShare: built.unknownShare,
      };
    },
    defaults: () => attempt(() => defaultRecipe(needTeacher().report)),
    presets: () => attempt(() => presetsOf(needTeacher().report.shape)),
    student: (wish, tied) => attempt(() => studentFor(needTeacher().model.config, tied, wish)),
    plan: (recipe) => attempt(() => planStudent(needTeacher(), recipe)),
    stepCosts: (recipe) => attempt(() => stepCosts(needTeacher(), recipe)),
    start: (recipe, listen) => train(recipe, `run-${Date.now().toString(36)}`, listen),
    async unfinished() {
      if (store === undefined) return [];
      const found: UnfinishedRun[] = [];
      for (const run of await store.runs()) {
        const checkpoint = await store.load(run);
        if (checkpoint === undefined) continue;
        const { recipe, done } = checkpoint.state;
        found.push({ run, recipe, done, savedAt: checkpoint.savedAt });
      }
      return found;
    },
    async resumeRun(run, listen) {
      const checkpoint = await store?.load(run);
      if (checkpoint === undefined) throw new StudioError('checkpoint', `session: ${run} has no whole checkpoint. Start the run again.`);
      for (const kind of ['teacher', 'text'] as const)
        if (checkpoint.fingerprints[kind] !== fingerprints[kind])
          throw new StudioError('checkpoint', `session: ${run} was trained with another ${kind}. Load the same ${kind} and try again.`, {
            run,
            kind,
          });
      return train(checkpoint.state.recipe, run, listen, checkpoint.state);
    },
    deleteRun: async (run) => store?.remove(run),
    pause: () => attempt(() => gate?.pause()),
    resume: () => attempt(() => gate?.resume()),
    stop: () => attempt(() => gate?.stop()),
    async evaluate(student, batch, seed) {
      const from = needTeacher();
      if (corpus === undefined) throw new StudioError('order', 'session: load a text first.');
      const recipe = { ...defaultRecipe(from.report), batch, seed, sequence: corpus.sequence };
      return evaluateCheckpoints(await needEngine(), from, corpus, recipe, student);
    },
    async attention(sentence, layer, head) {
      const { student, result } = needFinished();
      const origin = result.similarity.origins[layer]?.[head] ?? head;
      return compareAttention(await needEngine(), needTeacher(), student, sentence, layer, head, origin);
    },
    async fillMask(sentence) {
      const { student } = needFinished();
      return compareFill(await needEngine(), needTeacher(), student, sentence);
    },
    async exportStudent(name, listen) {
      if (finished === undefined) throw new StudioError('order', 'session: there is no finished run to export.');
      return exportStudent(await needEngine(), needTeacher(), finished, name, listen);
    },
  };
}

function attempt<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(work());
  });
}

function defaultThreads(): number {
  if (typeof navigator !== 'undefined' && typeof navigator.hardwareConcurrency === 'number')
    return Math.max(1, navigator.hardwareConcurrency);
  return process.getBuiltinModule('node:os').availableParallelism();
}

/** Multiply-adds of one token through the encoder and, for a predicted token, the head. */
function multiplyAdds(shape: ModelShape, vocabulary: number, sequence: number, predictedShare: number): number {
  const d = shape.hiddenSize;
  const perLayer = 4 * d * d + 2 * d * shape.intermediateSize + 2 * d * sequence;
  return shape.layers * perLayer + predictedShare * (d * d + d * vocabulary);
}

function planStudent(teacher: Teacher, recipe: Recipe): PlanReport {
  const config = studentConfig(teacher.model.config, recipeTable(teacher, recipe));
  const parameters = countParameters(config);
  return {
    parameters,
    teacherParameters: teacher.report.parameters,
    bytesFp32: 4 * parameters,
    bytesFp16: 2 * parameters,
    bytesInt8: parameters,
    multiplyAddsPerToken: multiplyAdds(recipe.student, config.vocabSize, recipe.sequence, 0.15),
    teacherMultiplyAddsPerToken: multiplyAdds(teacher.report.shape, config.vocabSize, recipe.sequence, 0.15),
  };
}
