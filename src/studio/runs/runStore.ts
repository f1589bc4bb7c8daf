import { decodeCheckpoint, encodeCheckpoint, type Checkpoint } from './checkpointFile.ts';
import type { RunFiles } from './runFiles.ts';

/** Checkpoints kept of one run: the newest may be the one that a crash spoils. */
const KEPT = 2;
const NAME = /^(?<run>[a-z0-9-]+)\.(?<step>\d{9})\.ckpt$/;

interface Entry {
  readonly name: string;
  readonly run: string;
  readonly step: number;
}

/** Unfinished runs by name, each with its last checkpoints. Writes queue up, so that training never waits for the disk. */
export class RunStore {
  readonly #files: RunFiles;
  #queue: Promise<void> = Promise.resolve();

  constructor(files: RunFiles) {
    this.#files = files;
  }

  async #entries(): Promise<Entry[]> {
    return (await this.#files.list())
      .flatMap((name) => {
        const groups = NAME.exec(name)?.groups;
        return groups === undefined ? [] : [{ name, run: groups['run'] ?? '', step: Number(groups['step']) }];
      })
      .toSorted((a, b) => b.step - a.step);
  }

  /** Resolves when this checkpoint is on the disk and older ones are gone. */
  save(run: string, checkpoint: Checkpoint): Promise<void> {
    const write = this.#after(this.#queue, run, checkpoint);
    this.#queue = settled(write);
    return write;
  }

  async #after(before: Promise<void>, run: string, checkpoint: Checkpoint): Promise<void> {
    await before;
    const name = `${run}.${String(checkpoint.state.done).padStart(9, '0')}.ckpt`;
    await this.#files.write(name, await encodeCheckpoint(checkpoint));
    const entries = (await this.#entries()).filter((entry) => entry.run === run);
    for (const old of entries.slice(KEPT)) await this.#files.remove(old.name);
  }

  /** Names of runs that have a checkpoint, the furthest first. */
  async runs(): Promise<string[]> {
    return [...new Set((await this.#entries()).map(({ run }) => run))];
  }

  /** The newest whole checkpoint of a run, or undefined if there is none. `damaged` hears of those passed over. */
  async load(run: string, damaged: (message: string) => void = () => {}): Promise<Checkpoint | undefined> {
    await this.#queue;
    for (const { name } of (await this.#entries()).filter((entry) => entry.run === run))
      try {
        return await decodeCheckpoint(name, await this.#files.read(name));
      } catch (error) {
        damaged(error instanceof Error ? error.message : String(error));
      }
    return undefined;
  }

  async remove(run: string): Promise<void> {
    await this.#queue;
    for (const entry of await this.#entries()) if (entry.run === run) await this.#files.remove(entry.name);
  }
}

/** A failed write is its caller's to hear of; the next one is tried all the same. */
async function settled(write: Promise<void>): Promise<void> {
  await Promise.allSettled([write]);
}
