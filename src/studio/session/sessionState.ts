import { DeviceLostError } from '../../engines/deviceLost.ts';
import type { Engine } from '../../engines/engine.ts';
import { openBytes } from '../../tensor/byteSource.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { Corpus } from '../../text/corpus.ts';
import type { FinishedRun } from '../exporting/finishedRun.ts';
import { HubCache } from '../hub/hubCache.ts';
import type { HubSurroundings } from '../hub/hubTeacher.ts';
import type { InputStore } from '../runs/inputStore.ts';
import { memoryFiles } from '../runs/memoryFiles.ts';
import type { RunStore } from '../runs/runStore.ts';
import type { EngineChoice, EngineSettings } from '../api/engine.ts';
import type { GivenFile } from '../api/files.ts';
import type { GivenFiles, GivenName } from '../api/history.ts';
import type { TextReport } from '../api/text.ts';
import type { Teacher } from '../teacher/teacher.ts';
import type { RunKeeper } from '../runs/runKeeper.ts';
import type { TextCache } from '../texts/textCache.ts';
import type { Gate, KeepPace } from './gate.ts';
import { makeEngine, type EngineMaker } from './makeEngine.ts';
import { gpuBudget } from './memoryBudget.ts';

/** What a session gets from the machine that it runs on; tests give others. */
export interface Surroundings extends KeepPace {
  readonly makeEngine: EngineMaker;
  /** Milliseconds that never jump, whatever the wall clock does. */
  readonly now: () => number;
  /** Texts that were read before; without it, every text is read anew. */
  readonly texts?: TextCache;
  /** Keeps what runs began with; without it, teacher and text must be loaded again. */
  readonly inputs?: InputStore;
  /** Bytes on a GPU beyond which a user is asked first. */
  readonly gpuBudget: () => number;
  /** Why what is kept lasts only as long as this session, in words; null = it outlives it. */
  readonly whyNotKept: () => Promise<string | null>;
  /** How repositories are fetched, and where their files are kept. */
  readonly hub: HubSurroundings;
}

const MACHINE: Surroundings = {
  makeEngine,
  now: () => performance.now(),
  keepEvery: 25,
  // Copying, hashing and writing 60 MiB takes 0.4 s from two busy cores (`npm run checkpoint`): at this pace, 4 % of them.
  keepRate: 6 * 2 ** 20,
  gpuBudget,
  whyNotKept: () => Promise.resolve(null),
  hub: { cache: new HubCache(memoryFiles()), fetch: (input, init) => fetch(input, init) },
};

/** A teacher, and what tells it from others. */
export interface KnownTeacher {
  readonly teacher: Teacher;
  /** SHA-256 of what it computes with. */
  readonly fingerprint: string;
}

/** A finished run with what it began with: the vocabulary may be cut otherwise since. */
export interface FinishedWith extends FinishedRun {
  /** With a head, if one was fitted for the run. */
  readonly teacher: Teacher;
  readonly corpus: Corpus | undefined;
}

/** What the verbs of one session share: one engine, one teacher, one text, at most one run at a time. */
export class SessionState {
  readonly store: RunStore | undefined;
  readonly surroundings: Surroundings;
  teacher: Teacher | undefined;
  /** The teacher with its whole vocabulary, if {@link SessionState.teacher} has a part of it. */
  whole: KnownTeacher | undefined;
  corpus: Corpus | undefined;
  /** A teacher whose head was fitted, out of which and on which text. */
  headed: { readonly from: Teacher; readonly text: string; readonly teacher: Teacher } | undefined;
  /** What was read as text; its name is the user's. */
  textReport: TextReport | undefined;
  /** Names of the files that teacher and text were read from. */
  readonly given: { teacher: GivenFiles['teacher']; text: GivenFiles['text'] } = { teacher: [], text: [] };
  /** Of the run that is going on. */
  gate: Gate | undefined;
  keeper: RunKeeper | undefined;
  /** Gives up the teacher that is being read or recalled: the last one that was asked for counts. */
  loading: AbortController | undefined;
  /** Gives up the text that is being read. */
  reading: AbortController | undefined;
  /** Ends the export that is going on. */
  exporting: AbortController | undefined;
  finished: FinishedWith | undefined;
  /** SHA-256 of teacher and text: a run goes on only with the same. */
  readonly fingerprints = { teacher: '', text: '' };

  #engine: Engine | undefined;
  #choice: EngineChoice = 'auto';
  #threads: number | undefined;
  #settings: EngineSettings | undefined;

  constructor(store: RunStore | undefined, surroundings: Partial<Surroundings>) {
    this.store = store;
    this.surroundings = { ...MACHINE, ...surroundings };
  }

  /** @throws StudioError if no teacher was loaded */
  needTeacher(): Teacher {
    if (this.teacher === undefined) throw new StudioError('order', 'session: load a teacher first.');
    return this.teacher;
  }

  /** @throws StudioError if no text was loaded */
  needCorpus(): Corpus {
    if (this.corpus === undefined) throw new StudioError('order', 'session: load a text first.');
    return this.corpus;
  }

  /** @throws StudioError if a run or an export is going on */
  needNoRun(cure: string): void {
    if (this.exporting !== undefined)
      throw new StudioError('order', `session: an export is going on. Wait for it, or cancel it, before ${cure}.`);
    if (this.gate !== undefined) throw new StudioError('order', `session: a run is going on. Stop it before ${cure}.`);
  }

  /** Changes to the engine that `choice` names; the one at hand stays if that fails. */
  async chooseEngine(choice: EngineChoice, threads?: number, settings?: EngineSettings): Promise<Engine> {
    const made = await this.surroundings.makeEngine(choice, threads, settings);
    this.#engine?.dispose();
    this.#engine = made;
    this.#choice = choice;
    this.#threads = threads;
    this.#settings = settings;
    return made;
  }

  /** Another engine after its device was lost: the same choice again, or the CPU's if that fails or `cpu` is wanted. */
  async replaceEngine(cpu: boolean): Promise<Engine> {
    this.#engine?.dispose();
    this.#engine = undefined;
    if (!cpu)
      try {
        return await this.needEngine();
      } catch {
        // No new device: the CPU is always there.
      }
    return (this.#engine = await this.surroundings.makeEngine('cpu', this.#threads));
  }

  /** Does a piece of work on the engine; if the device is lost, once more on another one, at last on the CPU. */
  async onEngine<T>(work: (engine: Engine) => Promise<T>): Promise<T> {
    for (let losses = 0; ; losses++)
      try {
        return await work(losses === 0 ? await this.needEngine() : await this.replaceEngine(losses > 1));
      } catch (error) {
        if (!(error instanceof DeviceLostError) || losses > 1) throw error;
      }
  }

  /** The engine that was chosen, or the fastest where none was. */
  async needEngine(): Promise<Engine> {
    this.#engine ??= await this.surroundings.makeEngine(this.#choice, this.#threads, this.#settings);
    return this.#engine;
  }
}

/** Work that answers at once, as a verb: what it throws becomes a rejection. */
export function attempt<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(work());
  });
}

export function namesOf(files: readonly GivenFile[]): GivenName[] {
  return files.map(({ path, bytes }) => ({ path, bytes: openBytes(bytes).size }));
}
