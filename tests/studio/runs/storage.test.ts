import { expect, test } from 'vitest';
import { storageFor } from '../../../src/studio/runs/storage.ts';
import type { Recipe } from '../../../src/studio/api/recipe.ts';
import { readTeacher } from '../../../src/studio/teacher/teacher.ts';
import type { NamedTensors } from '../../../src/tensor/tensor.ts';
import { MemoryFolder } from './memoryFolder.ts';
import { RunBench, stopAfter, TEACHER } from './runBench.ts';

const bench = new RunBench();

/** Counts what was there at most; a file that is replaced is there until the new one is whole. */
class Measured extends MemoryFolder {
  peak = 0;

  override async write(name: string, parts: Iterable<Uint8Array>): Promise<void> {
    const before = [...this.held.values()].reduce((sum, { length }) => sum + length, 0);
    await super.write(name, parts);
    this.peak = Math.max(this.peak, before + (this.held.get(name)?.length ?? 0));
  }
}

const CASES: readonly (readonly [string, (recipe: Recipe) => Partial<Recipe>])[] = [
  ['calibrated', () => ({})],
  ['a teacher that learns', () => ({ teacherLearningRate: 1e-5, depth: 'mixture' })],
  ['compactors alone', () => ({ compactorShare: 1 })],
  ['guided, compactors and polish', () => ({ guidance: 0.5 })],
  ['polish alone', () => ({ compactorShare: 0 })],
  ['paper', () => ({ mode: 'paper' })],
  ['paper, the teacher as it is', ({ paper }) => ({ mode: 'paper', paper: { ...paper, weightLearningRate: 0 } })],
  ['progressive', () => ({ mode: 'progressive' })],
  ['pruning', () => ({ mode: 'prune' })],
  ['distillation', () => ({ mode: 'distil', distillationHidden: 0.5 })],
  ['from scratch', () => ({ mode: 'scratch', tied: true })],
];

const numbersIn = (tensors: NamedTensors): number => [...tensors.values()].reduce((sum, { data }) => sum + data.length, 0);

test.each(CASES)('%s: a run has room in what it is said to need, stopped and resumed too', async (name, change) => {
  const disk = new Measured();
  const { session, store, recipe: plain } = await bench.open(name, { keepEvery: 1 }, () => disk);
  const recipe: Recipe = { ...plain, student: { ...plain.student, layers: 2 }, ...change(plain) };
  const costs = await session.stepCosts(recipe);
  const { needed } = await session.storage(recipe);
  const run = async (): Promise<string> => (await session.unfinished())[0]?.run ?? '';
  for (const stop of [3, 9]) {
    await (stop === 3 ? session.start(recipe, stopAfter(session, stop)) : session.resumeRun(await run(), stopAfter(session, stop)));
    const checkpoint = await store.load(await run());
    const { phase, tensors, compactors } = checkpoint?.state ?? {};
    if (phase === undefined || tensors === undefined || compactors === undefined) throw new Error('no checkpoint');
    // Every number is foreseen; what else is foreseen are lines of the header.
    const foreseen = Math.max(...costs.filter((cost) => cost.phase === phase).map(({ checkpointBytes }) => checkpointBytes));
    const header = foreseen - 4 * (numbersIn(tensors) + numbersIn(compactors));
    // Stages of `gates` shrink: the first is foreseen.
    if (phase !== 'gates') expect(header).toBe(130 * (tensors.size + compactors.size));
    else expect(header).toBeGreaterThan(0);
  }
  await session.resumeRun(await run(), () => undefined);
  expect(disk.peak).toBeLessThanOrEqual(needed);
  // JSON, as long as these models' weights: a few hundred numbers a judging.
  expect(needed - disk.peak).toBeLessThan(0.1 * disk.peak + 450_000);
});

test('a run that goes on needs no room for what it has', async () => {
  const { session, store, recipe } = await bench.open('room-again', { keepEvery: 1 });
  const fresh = await session.storage(recipe);
  await session.start(recipe, stopAfter(session, 9));
  const [run = ''] = await store.runs();
  const teacher = await readTeacher('golden', TEACHER);
  const more = await storageFor(store, teacher, recipe, 100, { run });
  const there = await store.bytesOf(run);
  expect(there).toBeGreaterThan(100_000);
  // Beside what it has: another checkpoint, and at the end another student.
  expect(more.needed).toBeLessThan(fresh.needed - there / 2);
  expect(more.needed).toBeGreaterThan(there / 3);
});
