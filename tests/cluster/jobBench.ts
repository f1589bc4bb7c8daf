import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeNewFolder } from '../../src/cli/files.ts';
import type { Engine } from '../../src/engines/engine.ts';
import { safetensorsPieces } from '../../src/formats/safetensorsPieces.ts';
import type { Recipe } from '../../src/studio/api/recipe.ts';
import type { StudioEvent } from '../../src/studio/api/run.ts';
import { compress } from '../../src/studio/compression/compression.ts';
import type { Compressed } from '../../src/studio/compression/run.ts';
import { jobFolder } from '../../src/studio/job/jobFolder.ts';
import { fingerprintOfTeacher } from '../../src/studio/runs/fingerprint.ts';
import { decodeStudent, type StoredStudent } from '../../src/studio/runs/studentFile.ts';
import type { Teacher } from '../../src/studio/teacher/teacher.ts';
import type { TaskBatch } from '../../src/tasks/task.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import type { Corpus } from '../../src/text/corpus.ts';

/** Writes the job of a recipe into `folder`. */
export async function writeJob(engine: Engine, teacher: Teacher, corpus: Corpus, recipe: Recipe, folder: string): Promise<void> {
  const fingerprints = { teacher: await fingerprintOfTeacher(teacher), text: '' };
  const inputs = { teacher, corpus, recipe, fingerprints, text: 'prose' };
  const { zip } = await jobFolder(
    inputs,
    'job',
    () => Promise.resolve(engine),
    () => {},
  );
  await writeNewFolder(zip, '--job', folder);
}

/** A run in the studio, its losses, and the batches of its steps. */
export interface StudioRun {
  readonly made: Compressed;
  readonly losses: readonly number[];
  readonly batches: readonly (readonly TaskBatch[])[];
}

export async function studioRun(engine: Engine, teacher: Teacher, corpus: Corpus, recipe: Recipe): Promise<StudioRun> {
  const drawn: (readonly TaskBatch[])[] = [];
  const { task } = teacher;
  const noted: Teacher = {
    ...teacher,
    task: {
      ...task,
      stream: (...given) => {
        const stream = task.stream(...given);
        return {
          ...stream,
          next: () => {
            const parts = stream.next();
            drawn.push(parts);
            return parts;
          },
        };
      },
    },
  };
  const losses: number[] = [];
  const listen = (event: StudioEvent): void => {
    if (event.kind === 'step') losses.push(event.loss);
  };
  const made = await compress(engine, noted, corpus, recipe, { proceed: () => Promise.resolve(true) }, listen);
  // Calibration read the first ones.
  return { made, losses, batches: drawn.slice(-recipe.steps) };
}

/** Batches as `cluster/` takes them over: [S, B, T], and [S, B, m] of the predicted tokens. */
export function writeBatches(path: string, batches: StudioRun['batches'], { batch, sequence }: Recipe): void {
  const rows = batches.map((parts) => parts.flatMap((part) => rowsOf(part, sequence)));
  const slots = Math.max(...rows.flat().map(({ places }) => places.length));
  const tensor = (shape: readonly number[], of: (row: BatchRow) => readonly number[], fill: number): Tensor => {
    const data = new Float32Array(sizeOf(shape)).fill(fill);
    const width = shape.at(-1) ?? 1;
    rows.flat().forEach((row, i) => data.set(of(row), i * width));
    return { shape, data };
  };
  const whole = [batches.length, batch, sequence];
  const predicted = [batches.length, batch, slots];
  const apart = batches[0]?.[0]?.documents !== undefined;
  const tensors = new Map([
    ['ids', tensor(whole, ({ ids }) => ids, 0)],
    ['tokens', tensor(whole, ({ tokens }) => tokens, 0)],
    ['places', tensor(predicted, ({ places }) => places, -1)],
    ['labels', tensor(predicted, ({ labels }) => labels, -1)],
    ...(apart ? [['documents', tensor(whole, ({ documents }) => documents, -1)] as const] : []),
  ]);
  writeFileSync(path, Buffer.concat([...safetensorsPieces(tensors, {})]));
}

interface BatchRow {
  readonly ids: number[];
  readonly tokens: number[];
  readonly places: number[];
  readonly labels: number[];
  readonly documents: number[];
}

function rowsOf({ inputIds, attention, documents, inputs }: TaskBatch, sequence: number): BatchRow[] {
  const [positions, labels] = [inputs.get('positions') ?? [], inputs.get('labels') ?? []];
  const numbers = new Int32Array(inputIds.length).fill(-1);
  for (let i = 0; i < (documents?.length ?? 0); i += 2) numbers.fill(i / 2, documents?.[i], documents?.[i + 1]);
  return Array.from({ length: inputIds.length / sequence }, (_, row) => {
    const [from, to] = [row * sequence, (row + 1) * sequence];
    const slots = [...positions.keys()].filter((slot) => (positions[slot] ?? -1) >= from && (positions[slot] ?? -1) < to);
    return {
      ids: [...inputIds.subarray(from, to)],
      tokens: [...attention.subarray(from, to)],
      places: slots.map((slot) => (positions[slot] ?? 0) - from),
      labels: slots.map((slot) => labels[slot] ?? -1),
      documents: [...numbers.subarray(from, to)],
    };
  });
}

/** What a job told, an event a line. */
export function eventsIn(job: string): unknown[] {
  const lines = readFileSync(join(job, 'metrics.jsonl'), 'utf8').trim().split('\n');
  return lines.map((line): unknown => JSON.parse(line));
}

/** Losses that a job told, in the order of its steps. */
export function lossesOf(job: string): number[] {
  return eventsIn(job).flatMap((event) => {
    const isStep = typeof event === 'object' && event !== null && 'kind' in event && event.kind === 'step';
    return isStep && 'loss' in event && typeof event.loss === 'number' ? [event.loss] : [];
  });
}

export function studentOf(job: string): Promise<StoredStudent> {
  return decodeStudent('run.student', readFileSync(join(job, 'run.student')));
}

/** The largest difference between two tensors of each name. */
export function largestDifference(ours: ReadonlyMap<string, Tensor>, theirs: ReadonlyMap<string, Tensor>): number {
  let worst = 0;
  for (const [name, { data }] of ours) {
    const other = theirs.get(name)?.data;
    if (other?.length !== data.length) return Infinity;
    data.forEach((x, i) => (worst = Math.max(worst, Math.abs(x - (other[i] ?? Number.NaN)))));
  }
  return worst;
}
