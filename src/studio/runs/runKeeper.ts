import type { RunEnding } from '../api/history.ts';
import type { RunResult, StudioListener } from '../api/run.ts';
import type { Checkpoint } from './checkpointFile.ts';
import { isFull } from './runFiles.ts';
import { MetricsLog } from './runMetrics.ts';
import type { RunRecord } from './runRecord.ts';
import type { RunState } from './runState.ts';
import type { RunStore } from './runStore.ts';
import type { MergedStudent } from '../student.ts';

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const FULL =
  'there is no room left. The run waits, and what was kept stays. Free some room (delete old runs, or other files), then resume.';

/**
 * Keeps one run while it trains: gathers what it says, writes checkpoints one at a time in the background, and holds the
 * newest state until it is written. When writing is slower than training, states that have waited are left out.
 */
export class RunKeeper {
  readonly #store: RunStore | undefined;
  readonly #listen: StudioListener;
  readonly #metrics: MetricsLog;
  readonly #full: () => void;
  #record: RunRecord;
  #writing: Promise<void> = Promise.resolve();
  #busy = false;
  #unwritten: Checkpoint | undefined;
  #failed = false;

  /** @param full is told when there is no room for a checkpoint */
  constructor(store: RunStore | undefined, record: RunRecord, listen: StudioListener, full: () => void) {
    this.#store = store;
    this.#record = record;
    this.#listen = listen;
    this.#metrics = new MetricsLog(record.metrics);
    this.#full = full;
  }

  /** What the run says goes through here. */
  readonly hear: StudioListener = (event) => {
    this.#metrics.hear(event);
    this.#listen(event);
  };

  get run(): string {
    return this.#record.run;
  }

  /** Also written with the next checkpoint. */
  async rename(name: string): Promise<void> {
    this.#record = { ...this.#record, name };
    await this.#store?.saveRecord(this.#record);
  }

  /** The engine that the steps run on from now on, in words, and its kernels. */
  ranOn(engine: string, kernels: Readonly<Record<string, string>>): void {
    this.#record = { ...this.#record, engine, kernels };
  }

  /** Writes the record, so that the history knows of the run before its first checkpoint. */
  async begin(): Promise<void> {
    try {
      await this.#store?.saveRecord(this.#record);
    } catch (error) {
      this.#listen({ kind: 'notKept', step: this.#record.done, reason: reasonOf(error), paused: false });
    }
  }

  /** Takes a state over; writes it when the one before is written. */
  keep(state: RunState): void {
    const { fingerprints, engine, family, task } = this.#record;
    this.#unwritten = { family, task, state, metrics: this.#metrics.snapshot(), fingerprints, engine, savedAt: Date.now() };
    if (!this.#failed && !this.#busy) this.#writing = this.#write();
  }

  async #write(): Promise<void> {
    const store = this.#store;
    if (store === undefined) return;
    this.#busy = true;
    while (this.#unwritten !== undefined && !this.#failed) {
      const checkpoint = this.#unwritten;
      const { done } = checkpoint.state;
      try {
        await store.save(this.#record.run, checkpoint);
        if (this.#unwritten === checkpoint) this.#unwritten = undefined;
        this.#record = { ...this.#record, done, savedAt: checkpoint.savedAt, metrics: checkpoint.metrics };
        this.#listen({ kind: 'kept', step: done });
        // The checkpoint holds all that the record says: without room for it, the next one will say so.
        await store.saveRecord(this.#record).catch(() => {});
      } catch (error) {
        this.#failed = isFull(error);
        this.#listen({ kind: 'notKept', step: done, reason: this.#failed ? FULL : reasonOf(error), paused: this.#failed });
        if (this.#failed) this.#full();
        // Not written, and not for want of room: the next state may go better.
        else if (this.#unwritten === checkpoint) break;
      }
    }
    this.#busy = false;
  }

  /** Tries again what a full disk refused. @returns whether all is written now */
  async retry(): Promise<boolean> {
    await this.#writing;
    if (!this.#failed) return true;
    this.#failed = false;
    this.#writing = this.#write();
    await this.#writing;
    return !this.#failed;
  }

  /** The newest state that was kept, written or not: the run is set back to it. */
  async setBack(): Promise<RunState | undefined> {
    await this.#writing;
    const newest = this.#unwritten ?? (await this.#store?.load(this.#record.run));
    this.#metrics.rewind(newest?.state.done ?? 0);
    return newest?.state;
  }

  /** Resolves when nothing is being written any more. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  /** Takes a run that failed before anything of it was kept out of the history. */
  async abandon(): Promise<void> {
    await this.#writing;
    const { run } = this.#record;
    if (this.#store === undefined || (await this.#store.known()).some((known) => known.run === run && (known.resumable || known.openable)))
      return;
    await this.#store.remove(run);
  }

  /** Writes student and record of a run that is over. A run that took its last step needs its checkpoints no more. */
  async finish(student: MergedStudent, result: RunResult): Promise<void> {
    await this.retry();
    const ending: RunEnding = result.fault === null ? (result.stopped ? 'stopped' : 'done') : 'diverged';
    this.#record = { ...this.#record, ending, result, done: result.stepsDone, savedAt: Date.now(), metrics: this.#metrics.snapshot() };
    const store = this.#store;
    if (store === undefined) return;
    try {
      const { family, task } = this.#record;
      await store.saveStudent(this.#record.run, { model: student.model, compactors: student.compactors, family, task });
      await store.saveRecord(this.#record);
      if (ending === 'done') await store.removeCheckpoints(this.#record.run);
    } catch (error) {
      const reason = isFull(error) ? 'there is no room left. The student is open here: export it, or free some room.' : reasonOf(error);
      this.#listen({ kind: 'notKept', step: result.stepsDone, reason, paused: false });
    }
  }
}
