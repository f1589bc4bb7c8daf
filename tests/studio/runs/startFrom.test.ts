import { expect, test } from 'vitest';
import type { StudioEvent } from '../../../src/studio/api/run.ts';
import { RunBench } from './runBench.ts';

const bench = new RunBench();

test('a run begins with the compactors of another instead of calibrating, at the student that they merge to', async () => {
  const { session, recipe: shared } = await bench.open('start-from');
  const recipe = { ...shared, compactorShare: 1 };
  const first = await session.start(recipe, () => {});
  const [one] = await session.runs();
  const startFrom = one?.run ?? '';

  const events: StudioEvent[] = [];
  const second = await session.start(recipe, (event) => events.push(event), { startFrom });
  expect(second.untrained).toEqual(first.trained);
  expect(events.filter((event) => event.kind === 'progress' && event.stage === 'Solving compactors')).toEqual([]);
  expect((await session.runs())[0]).toMatchObject({ name: 'Run 2', startedFrom: 'Run 1' });

  const start = (change: object): Promise<unknown> => session.start({ ...recipe, ...change }, () => {}, { startFrom });
  await expect(start({ mode: 'paper' })).rejects.toThrow(
    'start from Run 1: mode — expected calibrated, prune, distil, got paper, whose start is not merged from compactors.',
  );
  await expect(start({ tied: true })).rejects.toThrow('start from Run 1: decoder.L — expected none, got one.');
  await expect(start({ depth: 'mixture' })).rejects.toThrow('start from Run 1: layer.0.mixture — expected [1, 3], got none.');
  await expect(start({ teacherLearningRate: 0 })).rejects.toThrow(
    "start from Run 1: teacher rate — expected above 0, as that run trained the teacher's weights below its compactors, got 0.",
  );
  await expect(session.start(recipe, () => {}, { startFrom: 'run-none' })).rejects.toThrow(
    'start from run-none: expected a run that left a student',
  );
});
