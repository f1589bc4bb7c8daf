import { unzipSync } from 'fflate';
import { expect, test } from 'vitest';
import type { Recipe } from '../../../src/studio/api/recipe.ts';
import type { StudioEvent } from '../../../src/studio/api/run.ts';
import { RunBench } from '../runs/runBench.ts';

const bench = new RunBench();

test('a calibrated run of 0 steps leaves the start of a longer one, whole', async () => {
  const { session, recipe } = await bench.open('calibrated');
  const longer = await session.start(recipe, () => {});
  const events: StudioEvent[] = [];
  const none = { ...recipe, steps: 0 };
  expect(await session.stepCosts(none)).toEqual([]);
  const result = await session.start(none, (event) => events.push(event));
  expect(result).toMatchObject({ stepsDone: 0, stopped: false, fault: null, untrained: longer.untrained, trained: longer.untrained });
  expect(result.trained.loss).toBeGreaterThan(longer.trained.loss);
  // Its student is told once, although it is the first one and the last.
  const told = events.map((event) => `${event.kind} ${'model' in event ? event.model : ''}`.trim());
  expect(told.filter((kind) => kind !== 'progress')).toEqual(['begun', 'heldOut teacher', 'heldOut student', 'similarity', 'norms']);

  // Attention, masks and export work on it as on any other.
  const compared = await session.attention('the cat sat', 0, 1);
  for (const row of compared.student) expect(row.reduce((sum, x) => sum + x, 0)).toBeCloseTo(1, 5);
  const { zip } = await session.exportStudent('start', () => {});
  const files = unzipSync(new Uint8Array(await zip.arrayBuffer()));
  expect(Object.keys(files)).toContain('start/wid/compactors.safetensors');
  expect(new TextDecoder().decode(files['start/README.md'])).toContain('of a student that no step has trained:');

  // The history keeps it, opens it, and exports it as a run.
  const [run] = await session.runs();
  expect(run).toMatchObject({ ending: 'done', done: 0, openable: true, resumable: false, differences: ['steps 12 -> 0'] });
  const later = await bench.open('calibrated');
  expect((await later.session.openRun(run?.run ?? '')).result).toEqual(result);
  expect(await later.session.attention('the cat sat', 0, 1)).toEqual(compared);
  const elsewhere = await bench.open('elsewhere');
  const arrived = await elsewhere.session.importRun((await session.exportRun(run?.run ?? '')).zip);
  expect(arrived).toMatchObject({ done: 0, ending: 'done', openable: true, result });
});

test.each<[string, Partial<Recipe>]>([
  ['one pass', { calibration: 'one-pass' }],
  ['prune', { mode: 'prune', start: 'selection' }],
  ['distil', { mode: 'distil', start: 'calibrated' }],
])('0 steps leave the start of %s', async (name, change) => {
  const { session, recipe } = await bench.open(name.replace(' ', '-'));
  const one = await session.start({ ...recipe, ...change, steps: 1 }, () => {});
  const none = await session.start({ ...recipe, ...change, steps: 0 }, () => {});
  expect(none).toMatchObject({ stepsDone: 0, trained: one.untrained });
});
