import type { ByteSource } from '../../tensor/byteSource.ts';
import { StudioError } from '../../tensor/studioError.ts';
import { checkCheckpoint, decodeCheckpoint, encodeCheckpoint, type Checkpoint } from './checkpointFile.ts';
import { isFull, type RunFiles } from './runFiles.ts';
import { ownLocks, type Lease, type RunLocks } from './runLocks.ts';
import { decodeRecord, encodeRecord, type RunRecord } from './runRecord.ts';
import { decodeStudent, encodeStudent, type StoredStudent } from './studentFile.ts';

/** Checkpoints kept of one run: the newest may be the one that a crash spoils. */
export const KEPT = 2;
const NAME = /^(?<run>[a-z0-9-]+)\.(?:(?<step>\d{9})\.ckpt|(?<kind>run|student|deleted))$/;

interface Entry {
  readonly name: string;
  readonly run: string;
  readonly kind: 'checkpoint' | 'run' | 'student' | 'deleted';
  /** Of checkpoints; 0 otherwise. */
  readonly step: number;
}

/** What is there of a run. */
export interface KnownFiles {
  readonly run: string;
  readonly resumable: boolean;
  readonly openable: boolean;
  /** Step of its newest checkpoint; 0 where there is none. */
  readonly kept: number;
}

type Heard = (message: string) => void;

/**
 * Runs in a folder of {@link RunFiles}: `<run>.<step>.ckpt`, the last checkpoints; `<run>.run`, what the history knows;
 * `<run>.student`, what it made; `<run>.deleted`, since when it is in the bin. Writes of one run queue up, so that
 * training never waits for the disk.
 */
export class RunStore {
  readonly #files: RunFiles;
  readonly #locks: RunLocks;
  #queue: Promise<unknown> = Promise.resolve();

  /** @param locks shared by all who see these files */
  constructor(files: RunFiles, locks: RunLocks = ownLocks()) {
    this.#files = files;
    this.#locks = locks;
  }

  async #entries(): Promise<Entry[]> {
    return (await this.#files.list())
      .flatMap((name): Entry[] => {
        const { run = '', step, kind } = NAME.exec(name)?.groups ?? {};
        if (step !== undefined) return [{ name, run, kind: 'checkpoint', step: Number(step) }];
        return kind === 'run' || kind === 'student' || kind === 'deleted' ? [{ name, run, kind, step: 0 }] : [];
      })
      .toSorted((a, b) => b.step - a.step);
  }

  async #of(run: string, kind: Entry['kind']): Promise<Entry[]> {
    return (await this.#entries()).filter((entry) => entry.run === run && entry.kind === kind);
  }

  /** What is written goes one after the other. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#queue;
    const turn = (async () => {
      await before;
      return work();
    })();
    // A failed write is its caller's to hear of; the next one is tried all the same.
    this.#queue = Promise.allSettled([turn]);
    return turn;
  }

  /** Writes; on a full disk, once more when all that may go is gone. */
  async #write(name: string, parts: Iterable<Uint8Array>, makeRoom: () => Promise<boolean>): Promise<void> {
    try {
      await this.#files.write(name, parts);
    } catch (error) {
      if (!isFull(error) || !(await makeRoom())) throw error;
      await this.#files.write(name, parts);
    }
  }

  /** Resolves when this checkpoint is on the disk and older ones are gone. On a full disk the one before stays. */
  save(run: string, checkpoint: Checkpoint): Promise<void> {
    const sealed = encodeCheckpoint(checkpoint);
    return this.#inTurn(async () => {
      const { done } = checkpoint.state;
      await this.#write(`${run}.${String(done).padStart(9, '0')}.ckpt`, await sealed, async () => {
        const spare = (await this.#of(run, 'checkpoint')).slice(1);
        for (const old of spare) await this.#files.remove(old.name);
        return (await this.emptyBin(0)) > 0 || spare.length > 0;
      });
      const entries = await this.#of(run, 'checkpoint');
      // Those ahead are of a future that was not taken: they were damaged, or the run was set back.
      const keep = new Set(entries.filter(({ step }) => step <= done).slice(0, KEPT));
      for (const old of entries) if (!keep.has(old)) await this.#files.remove(old.name);
    });
  }

  /** Names of runs that have a checkpoint, the furthest first; without those in the bin. */
  async runs(): Promise<string[]> {
    const entries = await this.#entries();
    const deleted = new Set(entries.filter(({ kind }) => kind === 'deleted').map(({ run }) => run));
    return [...new Set(entries.filter(({ kind, run }) => kind === 'checkpoint' && !deleted.has(run)).map(({ run }) => run))];
  }

  /** The newest whole checkpoint of a run, or undefined if there is none. `damaged` hears of those passed over. */
  async load(run: string, damaged: Heard = () => {}): Promise<Checkpoint | undefined> {
    await this.#queue;
    for (const { name } of await this.#of(run, 'checkpoint'))
      try {
        return await decodeCheckpoint(name, await this.#files.open(name));
      } catch (error) {
        damaged(error instanceof Error ? error.message : String(error));
      }
    return undefined;
  }

  async saveRecord(record: RunRecord): Promise<void> {
    const parts = await encodeRecord(record);
    await this.#inTurn(() => this.#write(`${record.run}.run`, parts, async () => (await this.emptyBin(0)) > 0));
  }

  /** What the history knows of a run; where its record is lost or damaged, undefined. */
  async record(run: string, damaged: Heard = () => {}): Promise<RunRecord | undefined> {
    const [entry] = await this.#of(run, 'run');
    if (entry === undefined) return undefined;
    try {
      return await decodeRecord(entry.name, await this.#files.open(entry.name));
    } catch (error) {
      damaged(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  /** Every run that is not in the bin, whatever is there of it. */
  async known(): Promise<readonly KnownFiles[]> {
    const entries = await this.#entries();
    const of = (kind: Entry['kind']): Map<string, number> =>
      new Map(
        entries
          .filter((entry) => entry.kind === kind)
          .map(({ run, step }) => [run, step] as const)
          .toReversed(),
      );
    const [checkpoints, students, deleted] = [of('checkpoint'), of('student'), of('deleted')];
    return [...new Set(entries.map(({ run }) => run))]
      .filter((run) => !deleted.has(run))
      .map((run) => ({ run, resumable: checkpoints.has(run), openable: students.has(run), kept: checkpoints.get(run) ?? 0 }));
  }

  async saveStudent(run: string, student: StoredStudent): Promise<void> {
    const parts = await encodeStudent(student);
    await this.#inTurn(() => this.#write(`${run}.student`, parts, async () => (await this.emptyBin(0)) > 0));
  }

  /** @throws StudioError if it is damaged */
  async student(run: string): Promise<StoredStudent | undefined> {
    await this.#queue;
    const [entry] = await this.#of(run, 'student');
    return entry === undefined ? undefined : decodeStudent(entry.name, await this.#files.open(entry.name));
  }

  /** A run that ended by itself has nothing to go on from. */
  removeCheckpoints(run: string): Promise<void> {
    return this.#inTurn(async () => {
      for (const { name } of await this.#of(run, 'checkpoint')) await this.#files.remove(name);
    });
  }

  /** Puts a run into the bin. */
  async bin(run: string, now: number): Promise<void> {
    await this.#inTurn(() => this.#files.write(`${run}.deleted`, [new TextEncoder().encode(String(now))]));
  }

  /** Takes a run out of the bin. @returns false if there is none left */
  async restore(run: string): Promise<boolean> {
    await this.#inTurn(() => this.#files.remove(`${run}.deleted`));
    return (await this.known()).some((known) => known.run === run);
  }

  /** Removes runs for good that were put into the bin before a moment; 0 = all of them. @returns how many */
  async emptyBin(before: number): Promise<number> {
    let count = 0;
    for (const { name, run } of (await this.#entries()).filter(({ kind }) => kind === 'deleted')) {
      const since = Number(new TextDecoder().decode(await this.#files.read(name)));
      if (before > 0 && since > before) continue;
      await this.#removeFiles(run);
      count += 1;
    }
    return count;
  }

  /** Removes a run for good. */
  remove(run: string): Promise<void> {
    return this.#inTurn(() => this.#removeFiles(run));
  }

  /** The mark of deletion goes last: a run that is half gone must not come back. */
  async #removeFiles(run: string): Promise<void> {
    const entries = (await this.#entries()).filter((entry) => entry.run === run);
    for (const { name } of entries.toSorted((a, b) => Number(a.kind === 'deleted') - Number(b.kind === 'deleted')))
      await this.#files.remove(name);
    await this.#files.sweep(`${run}.`);
  }

  /**
   * Takes a run for writing.
   * @throws StudioError `run-busy` if another tab or program has it
   */
  async hold(run: string): Promise<Lease> {
    const lease = await this.#locks.hold(run);
    if (lease === undefined)
      throw new StudioError(
        'run-busy',
        `run ${run}: another tab or program is training it. Go on there, or close that one and try again.`,
        { run },
      );
    await this.#files.sweep(`${run}.`);
    return lease;
  }

  /** Removes what sessions that were cut off left of their writes, except of runs that another one holds. */
  async sweep(): Promise<void> {
    for (const run of new Set((await this.#files.leftovers()).map((name) => name.split('.', 1)[0] ?? ''))) {
      if (run === '') continue;
      const lease = await this.#locks.hold(run);
      if (lease === undefined) continue;
      try {
        await this.#files.sweep(`${run}.`);
      } finally {
        await lease.release();
      }
    }
  }

  held(run: string): Promise<boolean> {
    return this.#locks.held(run);
  }

  /** Fingerprints that kept runs go by, those in the bin too; undefined where one cannot be told. */
  async inUse(): Promise<ReadonlySet<string> | undefined> {
    const used = new Set<string>();
    for (const run of new Set((await this.#entries()).map((entry) => entry.run))) {
      const { fingerprints } = (await this.record(run)) ?? (await this.load(run)) ?? {};
      if (fingerprints === undefined) return undefined;
      used.add(fingerprints.teacher).add(fingerprints.text);
    }
    return used;
  }

  /** What a run takes on the disk. */
  async bytesOf(run: string): Promise<number> {
    await this.#queue;
    let bytes = 0;
    for (const { name } of (await this.#entries()).filter((entry) => entry.run === run)) bytes += (await this.#files.open(name)).size;
    return bytes;
  }

  /** Bytes that may still be written, exact only below `wanted`; null where the system does not say. */
  async free(wanted: number): Promise<number | null> {
    return (await this.#files.free(wanted)) ?? null;
  }

  /** A run's newest whole checkpoint as it lies on the disk. */
  async checkpointContent(run: string): Promise<ByteSource | undefined> {
    await this.#queue;
    for (const { name } of await this.#of(run, 'checkpoint')) {
      try {
        const content = await this.#files.open(name);
        await checkCheckpoint(name, content);
        return content;
      } catch {
        // A damaged one is passed over, as when a run goes on.
      }
    }
    return undefined;
  }

  /** A run's student as it lies on the disk. */
  async studentContent(run: string): Promise<ByteSource | undefined> {
    await this.#queue;
    const [entry] = await this.#of(run, 'student');
    return entry === undefined ? undefined : this.#files.open(entry.name);
  }
}
