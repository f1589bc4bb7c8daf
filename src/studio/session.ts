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
import { exportStudent } from './studentExport.ts';
import type { EngineChoice, EngineReport, ModelShape, PlanReport, Recipe, RunResult, StudioApi } from './studioApi.ts';
import { readTeacher, type Teacher } from './teacher.ts';

/** Pause, resume and stop, heard between steps. */
class Gate implements RunControl {
  #open: Promise<void> = Promise.resolve();
  #release: (() => void) | undefined;
  #stopped = false;

  async proceed(): Promise<boolean> {
    // A turn of the event loop, so that pause and stop can arrive.
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
    await this.#open;
    return !this.#stopped;
  }

  pause(): void {
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
    this.#stopped = true;
    this.resume();
  }
}

/** One user's work: a teacher, a text, an engine, and at most one run at a time. */
export function createSession(): StudioApi {
  let engine: Engine | undefined;
  let teacher: Teacher | undefined;
  let corpus: Corpus | undefined;
  let gate: Gate | undefined;
  let finished: { student: BertModel; result: RunResult; recipe: Recipe } | undefined;

  const needTeacher = (): Teacher => {
    if (teacher === undefined) throw new StudioError('order', 'session: load a teacher first.');
    return teacher;
  };
  const needEngine = async (): Promise<Engine> => {
    engine ??= await WasmEngine.create(defaultThreads());
    return engine;
  };

  return {
    async engine(choice: EngineChoice, threads?: number): Promise<EngineReport> {
      if (choice === 'webgpu') throw new StudioError('engine', 'engine: webgpu is not built yet. Choose cpu.');
      if (gate !== undefined) throw new StudioError('order', 'session: a run is going on. Stop it before changing the engine.');
      engine?.dispose();
      engine = choice === 'reference' ? new ReferenceEngine() : await WasmEngine.create(threads ?? defaultThreads());
      return engine.describe();
    },
    loadTeacher(name, files) {
      return attempt(() => {
        teacher = readTeacher(name, files);
        corpus = undefined;
        finished = undefined;
        return teacher.report;
      });
    },
    loadText(name, files, sequence, seed) {
      return attempt(() => {
        const documents = files.map((file) => readText(file.path, file.bytes));
        corpus = buildCorpus(documents, needTeacher().tokenizer, sequence, seed);
        return {
          name,
          documents: corpus.documents,
          tokens: corpus.tokens,
          trainSequences: corpus.train.length / sequence,
          heldOutSequences: corpus.heldOut.length / sequence,
          sequence,
          unknownShare: corpus.unknownShare,
        };
      });
    },
    defaults: () => attempt(() => defaultRecipe(needTeacher().report)),
    presets: () => attempt(() => presetsOf(needTeacher().report.shape)),
    student: (wish, tied) => attempt(() => studentFor(needTeacher().model.config, tied, wish)),
    plan: (recipe) => attempt(() => planStudent(needTeacher(), recipe)),
    async start(recipe, listen) {
      if (gate !== undefined) throw new StudioError('order', 'session: a run is going on. Stop it before starting another.');
      const from = needTeacher();
      if (corpus === undefined) throw new StudioError('order', 'session: load a text first.');
      if (corpus.sequence !== recipe.sequence)
        throw new StudioError(
          'order',
          `session: the text is packed to ${corpus.sequence} tokens, the recipe asks for ${recipe.sequence}. Load the text again.`,
        );
      gate = new Gate();
      try {
        const { student, result } = await compress(await needEngine(), from, corpus, recipe, gate, listen);
        finished = { student, result, recipe };
        return result;
      } finally {
        gate = undefined;
      }
    },
    pause: () => attempt(() => gate?.pause()),
    resume: () => attempt(() => gate?.resume()),
    stop: () => attempt(() => gate?.stop()),
    async evaluate(student, batch, seed) {
      const from = needTeacher();
      if (corpus === undefined) throw new StudioError('order', 'session: load a text first.');
      const recipe = { ...defaultRecipe(from.report), batch, seed, sequence: corpus.sequence };
      return evaluateCheckpoints(await needEngine(), from, corpus, recipe, student);
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
