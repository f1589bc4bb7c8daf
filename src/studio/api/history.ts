import type { GivenFile } from './files.ts';
import type { Recipe } from './recipe.ts';
import type { HeldOut, RunResult, StudioEvent, StudioListener } from './run.ts';
import type { TeacherReport } from './teacher.ts';
import type { TextReport } from './text.ts';

/** `unfinished`: cut off, or going on in another tab. The others ended, and left a student. */
export type RunEnding = 'unfinished' | 'stopped' | 'diverged' | 'done';

/** What is known of a run, whether it goes on, is over, or was cut off. */
export interface RunFacts {
  /** Stable name of the run's files. */
  readonly run: string;
  /** What the user calls it; `Run 3` until it is renamed. */
  readonly name: string;
  readonly recipe: Recipe;
  readonly teacher: string;
  readonly text: string;
  /** What the run is called whose compactors this one began with. Absent: it calibrated, or began otherwise. */
  readonly startedFrom?: string;
  /** Engine of its last steps. */
  readonly engine: string;
  readonly ending: RunEnding;
  /** Steps that are kept. */
  readonly done: number;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly savedAt: number;
  /** Final numbers; null while it is unfinished. */
  readonly result: RunResult | null;
}

/** One line of the history. */
export interface RunSummary extends RunFacts {
  /** What differs from the recipe of the run that was started before it, in words: `width 128 -> 96`. */
  readonly differences: readonly string[];
  /** Newest held-out numbers of the student, final or not; null before the first. */
  readonly heldOut: HeldOut | null;
  /** Training loss from start to end, smoothed, at most 48 numbers. */
  readonly sparkline: readonly number[];
  /** It has a checkpoint to go on from. */
  readonly resumable: boolean;
  /** It has a student that can be opened, compared and exported. */
  readonly openable: boolean;
  /** Another tab or program is training it now. */
  readonly busy: boolean;
}

/** A file that a user gave, by name. */
export interface GivenName {
  readonly path: string;
  readonly bytes: number;
}

/** Files that teacher and text were read from. Empty if the run did not note them. */
export interface GivenFiles {
  readonly teacher: readonly GivenName[];
  readonly text: readonly GivenName[];
}

/** Teacher and text of a run. It continues with the same two. */
export interface RunInputs {
  readonly teacher: string;
  readonly text: string;
  /** Both are kept here, so the user need not give them again. */
  readonly kept: boolean;
  readonly files: GivenFiles;
}

/** What was loaded of a run's teacher and text. Null: it was loaded already, or it is missing. */
export interface RecalledInputs {
  readonly teacher: TeacherReport | null;
  readonly text: TextReport | null;
  /** What is neither loaded nor kept here. */
  readonly missing: readonly ('teacher' | 'text')[];
  /** Files that the run was given. A kept text is packed already: packing it to another length needs its files. */
  readonly files: GivenFiles;
}

/** A run that stopped, or was cut off, before its last step. */
export interface UnfinishedRun {
  readonly run: string;
  readonly recipe: Recipe;
  readonly inputs: RunInputs;
  /** Steps that its newest whole checkpoint holds. */
  readonly done: number;
  /** Milliseconds since 1970. */
  readonly savedAt: number;
}

/** A run as one file: a zip of recipe, metrics (CSV and JSON), newest checkpoint and student. */
export interface RunArchive {
  /** File name, without folder. */
  readonly name: string;
  readonly zip: Blob;
}

/** Attention of two students on one sentence: each head of the first beside the second's head of the same origin, if it has one. */
export interface StudentsComparison {
  readonly tokens: readonly string[];
  /** 1 - Jensen-Shannon divergence, by layer and head of the first student. Null if the second has no such head. */
  readonly similarity: readonly (readonly (number | null)[])[];
  /** Maps of the chosen head: rows are queries, columns keys. */
  readonly teacher: readonly (readonly number[])[];
  readonly first: readonly (readonly number[])[];
  /** Empty if the second student has no head of the same origin. */
  readonly second: readonly (readonly number[])[];
}

/** Room for what a run keeps, in bytes. */
export interface StorageReport {
  /** The most that a run of this recipe needs at one time. */
  readonly needed: number;
  /** What this browser or disk has left. Null if it does not say. */
  readonly free: number | null;
}

export interface HistoryApi {
  /** Every run that was kept, the newest first; deleted ones are left out. */
  runs(): Promise<readonly RunSummary[]>;
  /** What the run said: its steps, held-out numbers and similarities in order, as the listener of `start` heard them. */
  runEvents(run: string): Promise<readonly StudioEvent[]>;
  /**
   * Makes a run's student the session's, as if it had just ended: `attention`, `fillMask` and `exportStudent` speak of it.
   * Its teacher must be loaded.
   */
  openRun(run: string): Promise<RunSummary>;
  /** Loads a run's teacher and text, if they are kept and are not the ones that are loaded. */
  recallInputs(run: string): Promise<RecalledInputs>;
  renameRun(run: string, name: string): Promise<void>;
  /** Takes a run out of the history. {@link restoreRun} brings it back for a day. */
  deleteRun(run: string): Promise<void>;
  restoreRun(run: string): Promise<void>;
  exportRun(run: string): Promise<RunArchive>;
  /**
   * Adds an exported run's zip, or the files of a job that PyTorch trained, to the history. One that is there already is not doubled.
   */
  importRun(given: Uint8Array | Blob | readonly GivenFile[]): Promise<RunSummary>;
  /** Two students of the loaded teacher on one sentence; `layer` and `head` are the first student's, from 0. */
  compareRuns(
    first: string,
    second: string,
    sentence: string,
    layer: number,
    head: number,
    listen?: StudioListener,
  ): Promise<StudentsComparison>;
  /** Storage that a run of this recipe would need, and what is free. */
  storage(recipe: Recipe): Promise<StorageReport>;
  /** Why runs last only as long as this session, and the cure, in words. Null: runs outlive the session. */
  whyNotKept(): Promise<string | null>;
  /** Keeps the run's state after the current step. For a page that is being hidden. */
  keep(): Promise<void>;
}
