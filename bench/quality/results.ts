import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Recipe } from '../../src/studio/api/recipe.ts';
import { lockFiles } from '../../src/studio/runs/lockFiles.ts';
import type { Lease } from '../../src/studio/runs/runLocks.ts';
import type { Cell } from './cells.ts';

/** A mean over the fixed maskings with its standard error, and the values. */
export interface Measured {
  readonly mean: number;
  readonly error: number;
  readonly values: readonly number[];
}

/** What a run gave, as it is stored. */
export interface CellResult {
  readonly cell: Cell;
  readonly recipe: Recipe;
  readonly loss: Measured;
  readonly accuracy: Measured;
  readonly untrained: { readonly loss: Measured; readonly accuracy: Measured };
  readonly similarity: { readonly mean: number; readonly chance: number };
  readonly parameters: number;
  /** Held-out loss and accuracy during the run, on one masking of fewer tokens. */
  readonly curve: readonly { readonly step: number; readonly loss: number; readonly accuracy: number }[];
  /** Training loss of every step. */
  readonly losses: readonly number[];
  /** Where the student was cut out of a larger model: held-out loss before and after, on the curve's masking. */
  readonly gap?: { readonly whole: number; readonly cut: number };
  readonly fault: string | null;
  /** Of the start (calibration or selection) and of the training with its looks at held-out text. */
  readonly seconds: { readonly start: number; readonly training: number };
  readonly versions: Versions;
}

/** Seconds are CPU seconds of one thread: the machine may have been busy with other things. */
export interface Versions {
  readonly studio: string;
  readonly commit: string;
  readonly node: string;
  readonly engine: string;
  readonly processor: string;
  readonly date: string;
}

export interface TeacherResult {
  readonly loss: Measured;
  readonly accuracy: Measured;
  readonly parameters: number;
  readonly sequences: number;
  readonly versions: Versions;
}

export function measured(values: readonly number[]): Measured {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / Math.max(1, values.length - 1);
  return { mean, error: Math.sqrt(variance / values.length), values };
}

/** Name of the teacher's line, in the order of runs. */
const TEACHER = 'teacher';

/** Stored results: one file of JSON lines, a run a line, sorted by the runs' names. A run more is a line more in a diff. */
export class ResultFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  all(): CellResult[] {
    return this.#lines().filter(isCell);
  }

  teacher(): TeacherResult | undefined {
    return this.#lines().find(isTeacher);
  }

  /** Adds a result, or puts it in the place of the one of the same name. Other processes may do the same at the same time. */
  async write(result: CellResult | TeacherResult): Promise<void> {
    const folder = dirname(this.#path);
    const lock = await this.#lock(folder);
    try {
      const kept = this.#lines().filter((line) => nameOf(line) !== nameOf(result));
      const lines = [...kept, result].toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)).map((line) => JSON.stringify(line, rounded));
      writeFileSync(`${this.#path}.part`, `${lines.join('\n')}\n`);
      renameSync(`${this.#path}.part`, this.#path);
    } finally {
      await lock.release();
    }
  }

  async #lock(folder: string): Promise<Lease> {
    const locks = lockFiles(folder);
    for (;;) {
      const lock = await locks.hold(basename(this.#path));
      if (lock !== undefined) return lock;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  #lines(): (CellResult | TeacherResult)[] {
    if (!existsSync(this.#path)) return [];
    return readFileSync(this.#path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line, at) => {
        const value: unknown = JSON.parse(line);
        if (isCell(value) || isTeacher(value)) return value;
        throw new Error(`${this.#path}: line ${at + 1} — expected a run or the teacher, got neither. Remove the line.`);
      });
  }
}

function nameOf(result: CellResult | TeacherResult): string {
  return isCell(result) ? result.cell.id : TEACHER;
}

/** The file is written by this program alone: the kind is checked, not every number. */
function isCell(value: unknown): value is CellResult {
  return typeof value === 'object' && value !== null && 'cell' in value && 'loss' in value && 'versions' in value;
}

function isTeacher(value: unknown): value is TeacherResult {
  return typeof value === 'object' && value !== null && 'sequences' in value && 'loss' in value && 'versions' in value;
}

/** Six digits are more than the numbers are good for. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value;
}
