import type { BertModel } from '../../bert/model.ts';
import type { Engine } from '../../engines/engine.ts';
import { WasmEngine } from '../../engines/wasm/wasmEngine.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { Corpus } from '../../text/corpus.ts';
import type { RunStore } from '../runStore.ts';
import type { Recipe, RunResult } from '../studioApi.ts';
import type { Teacher } from '../teacher.ts';
import { defaultThreads } from './defaultThreads.ts';
import type { Gate } from './gate.ts';

/** A run that ended, and what it made. */
export interface FinishedStudent {
  readonly student: BertModel;
  readonly result: RunResult;
  readonly recipe: Recipe;
}

/** What the verbs of one session share: one engine, one teacher, one text, at most one run at a time. */
export class SessionState {
  readonly store: RunStore | undefined;
  engine: Engine | undefined;
  teacher: Teacher | undefined;
  corpus: Corpus | undefined;
  /** Of the run that is going on. */
  gate: Gate | undefined;
  finished: FinishedStudent | undefined;
  /** SHA-256 of teacher and text: a run goes on only with the same. */
  readonly fingerprints = { teacher: '', text: '' };

  constructor(store: RunStore | undefined) {
    this.store = store;
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

  /** @throws StudioError if a run is going on */
  needNoRun(cure: string): void {
    if (this.gate !== undefined) throw new StudioError('order', `session: a run is going on. Stop it before ${cure}.`);
  }

  /** The engine that was chosen, or the CPU's where none was. */
  async needEngine(): Promise<Engine> {
    this.engine ??= await WasmEngine.create(defaultThreads());
    return this.engine;
  }
}

/** Work that answers at once, as a verb: what it throws becomes a rejection. */
export function attempt<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(work());
  });
}
