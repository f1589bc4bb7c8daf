import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Recipe } from '../../src/studio/api/recipe.ts';
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

/** Stored results: a JSON file a run. */
export class ResultFolder {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
    mkdirSync(path, { recursive: true });
  }

  all(): CellResult[] {
    return readdirSync(this.#path)
      .filter((name) => name.endsWith('.json') && name !== 'teacher.json')
      .toSorted()
      .map((name) => this.#read(name))
      .filter(isCell);
  }

  teacher(): TeacherResult | undefined {
    if (!readdirSync(this.#path).includes('teacher.json')) return undefined;
    const read = this.#read('teacher.json');
    return isTeacher(read) ? read : undefined;
  }

  write(id: string, result: CellResult | TeacherResult): void {
    const path = join(this.#path, `${id}.json`);
    writeFileSync(`${path}.part`, `${JSON.stringify(result, rounded)}\n`);
    renameSync(`${path}.part`, path);
  }

  #read(name: string): unknown {
    return JSON.parse(readFileSync(join(this.#path, name), 'utf8'));
  }
}

/** Files of this folder are written by this program alone: the kind is checked, not every number. */
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
