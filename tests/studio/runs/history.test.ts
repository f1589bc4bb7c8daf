import { readFileSync } from 'node:fs';
import { unzipSync } from 'fflate';
import { expect, test } from 'vitest';
import { recipeDifferences } from '../../../src/studio/runs/recipeWords.ts';
import { RunBench, stopAfter } from './runBench.ts';

const bench = new RunBench();

test('a finished run is listed with its numbers, and its student opens in another session', async () => {
  const first = await bench.open('finished');
  const result = await first.session.start(first.recipe, () => {});
  const [shown] = await first.session.runs();
  const before = await first.session.attention('the cat', 0, 0);

  const later = await bench.open('finished');
  const [run] = await later.session.runs();
  expect(run).toMatchObject({
    name: 'Run 1',
    ending: 'done',
    done: 12,
    teacher: 'golden',
    text: 'prose',
    differences: [],
    heldOut: result.trained,
    resumable: false,
    openable: true,
    busy: false,
  });
  expect(run).toEqual(shown);
  expect(run?.result).toEqual(result);
  expect(run?.sparkline).toHaveLength(12);
  await expect(later.session.attention('the cat', 0, 0)).rejects.toThrow(/needs a finished run/);
  await later.session.openRun(run?.run ?? '');
  expect(await later.session.attention('the cat', 0, 0)).toEqual(before);
  const { files } = await later.session.exportStudent('student', () => {});
  expect(files.map(({ path }) => path)).toContain('model.safetensors');
});

test('its student needs its teacher', async () => {
  const { session, recipe } = await bench.open('other-teacher');
  await session.start(recipe, () => {});
  const [run] = await session.runs();
  await session.loadTeacher(
    'halves',
    ['config.json', 'model.safetensors', 'vocab.txt'].map((path) => ({
      path,
      bytes: new Uint8Array(readFileSync(new URL(`../../golden/checkpoints/safetensors-f16/${path}`, import.meta.url))),
    })),
  );
  await expect(session.openRun(run?.run ?? '')).rejects.toThrow(/its teacher is golden, which is not loaded/);
});

test('differences to the run before are told in words', async () => {
  const { session, recipe } = await bench.open('differences');
  await session.start(recipe, stopAfter(session, 1));
  const student = { ...recipe.student, hiddenSize: 12, headSize: 3 };
  await session.start({ ...recipe, student, steps: 1200, seed: 7 }, stopAfter(session, 1));
  const [second, first] = await session.runs();
  expect(first).toMatchObject({ name: 'Run 1', ending: 'stopped', done: 1, differences: [], resumable: true, openable: true });
  expect(second?.name).toBe('Run 2');
  expect(second?.differences).toEqual(['width 16 -> 12', 'head size 4 -> 3', 'steps 12 -> 1,200', 'seed 1 -> 7']);
  expect(recipeDifferences(recipe, { ...recipe, tied: true, compactorLearningRate: 3e-4 })).toEqual([
    'tied decoder no -> yes',
    'compactor learning rate 0.0002 -> 0.0003',
  ]);
});

test('rename, delete, undo; what was deleted long ago is gone', async () => {
  const { session, store, recipe } = await bench.open('bin');
  await session.start(recipe, stopAfter(session, 2));
  const [{ run } = { run: '' }] = await session.runs();
  await session.renameRun(run, '  the good one ');
  expect((await session.runs()).map(({ name }) => name)).toEqual(['the good one']);
  await session.start({ ...recipe, steps: 2 }, () => {});
  const other = (await session.runs()).find((each) => each.run !== run)?.run ?? '';
  await expect(session.renameRun(other, 'the good one')).rejects.toThrow(/expected a name of its own/);
  await session.deleteRun(other);
  await expect(session.renameRun(run, ' ')).rejects.toThrow(/expected a name/);
  await session.deleteRun(run);
  expect(await session.runs()).toEqual([]);
  expect(await session.unfinished()).toEqual([]);
  await session.restoreRun(run);
  expect((await session.runs()).map(({ name, done }) => [name, done])).toEqual([['the good one', 2]]);
  expect(await session.resumeRun(run, () => {})).toMatchObject({ stepsDone: 12 });

  await store.bin(run, Date.now() - 25 * 60 * 60 * 1000);
  expect(await session.runs()).toEqual([]);
  await expect(session.restoreRun(run)).rejects.toThrow(/gone for good/);
});

test('an exported run goes on in another studio, and comes back without being doubled', async () => {
  const here = await bench.open('here');
  const straight = await here.session.start(here.recipe, () => {});
  await here.session.start(here.recipe, stopAfter(here.session, 5));
  const [stopped] = await here.session.runs();
  const { name, zip } = await here.session.exportRun(stopped?.run ?? '');
  expect(name).toBe('Run-2.zip');
  const files = unzipSync(new Uint8Array(await zip.arrayBuffer()));
  expect(Object.keys(files)).toEqual(
    ['run.json', 'metrics.json', 'metrics.csv', 'run.record', 'run.ckpt', 'run.student'].map((file) => `Run-2/${file}`),
  );
  const csv = new TextDecoder().decode(files['Run-2/metrics.csv']).trim().split('\n');
  expect(csv[0]).toMatch(/^step,phase,loss,/);
  expect(csv).toHaveLength(1 + 1 + 5);
  expect(JSON.parse(new TextDecoder().decode(files['Run-2/run.json']))).toMatchObject({ recipe: here.recipe, done: 5, ending: 'stopped' });

  const there = await bench.open('there');
  const arrived = await there.session.importRun(zip);
  expect(arrived).toMatchObject({ name: 'Run 2', done: 5, resumable: true, openable: true, result: stopped?.result });
  const result = await there.session.resumeRun(arrived.run, () => {});
  expect(result.trained).toEqual(straight.trained);

  // The same files as a folder: so comes a job back that PyTorch trained.
  const folder = await bench.open('folder');
  const given = Object.entries(files).map(([path, bytes]) => ({ path, bytes }));
  const { run } = await folder.session.open(given, () => Promise.resolve(undefined));
  expect(run).toMatchObject({ name: 'Run 2', done: 5, openable: true, result: stopped?.result });
  const untrained = given.filter(({ path }) => path.endsWith('run.json'));
  await expect(folder.session.importRun(untrained)).rejects.toThrow(/^import: the folder — expected a job that PyTorch trained/);

  const back = await there.session.exportRun(arrived.run);
  const home = await here.session.importRun(back.zip);
  // Another state of a run that is here: a run of its own, told apart by its name.
  expect(home).toMatchObject({ name: 'Run 2 (2)', ending: 'done', done: 12 });
  expect(home.run).not.toBe(arrived.run);
  expect((await here.session.importRun(back.zip)).ending).toBe('done');
  expect((await here.session.importRun(zip)).run).toBe(stopped?.run);
});

test('a zip that is damaged, or no run, is refused and nothing is written', async () => {
  const { session, store, recipe } = await bench.open('damaged-zip');
  await session.start(recipe, stopAfter(session, 2));
  const [run] = await session.runs();
  const zip = new Uint8Array(await (await session.exportRun(run?.run ?? '')).zip.arrayBuffer());
  const empty = await bench.open('damaged-zip-there');
  // A byte of a weight: in the middle of the student, the last file.
  const changed = zip.slice();
  const at = Math.round(0.9 * zip.length);
  changed[at] = (changed[at] ?? 0) ^ 1;
  await expect(empty.session.importRun(changed)).rejects.toThrow(/others: the file was cut short or changed/);
  await expect(empty.session.importRun(zip.subarray(0, 1000))).rejects.toThrow(/zip/);
  const { zip: student } = await session.exportStudent('student', () => {});
  await expect(empty.session.importRun(student)).rejects.toThrow(/expected a run's/);
  expect(await empty.store.known()).toEqual([]);
  expect(await store.known()).toHaveLength(1);
});

test('two students of one teacher are compared head by head', async () => {
  const { session, recipe } = await bench.open('two');
  await session.start(recipe, () => {});
  await session.start({ ...recipe, steps: 40 }, () => {});
  await session.start({ ...recipe, student: { ...recipe.student, layers: 2 } }, () => {});
  const [shallow, longer, first] = (await session.runs()).map(({ run }) => run);
  const same = await session.compareRuns(first ?? '', first ?? '', 'the cat sat', 1, 2);
  for (const layer of same.similarity) for (const value of layer) expect(value).toBeCloseTo(1, 6);
  expect(same.second).toEqual(same.first);
  const different = await session.compareRuns(first ?? '', longer ?? '', 'the cat sat', 1, 2);
  expect(different.similarity[1]?.[2]).toBeLessThan(1);
  expect(different.similarity[1]?.[2]).toBeGreaterThan(0.5);
  expect(different.teacher).toEqual(same.teacher);
  for (const row of different.second) expect(row.reduce((sum, x) => sum + x, 0)).toBeCloseTo(1, 5);
  // Of three layers two are left: one of the first student's layers has no partner.
  const fewer = await session.compareRuns(first ?? '', shallow ?? '', 'the cat sat', 0, 0);
  expect(fewer.similarity.filter((layer) => layer.every((value) => value === null))).toHaveLength(1);
  await expect(session.compareRuns(first ?? '', longer ?? '', 'the cat', 9, 0)).rejects.toThrow(/layer 9, head 0 — expected layers 0 to 2/);
});

test('a run that fails before anything is kept leaves no line in the history', async () => {
  const { session, recipe } = await bench.open('refused');
  await expect(session.start({ ...recipe, clipNorm: -1 }, () => {})).rejects.toThrow(/clipping norm/);
  expect(await session.runs()).toEqual([]);
});
