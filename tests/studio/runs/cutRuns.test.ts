import { expect, test } from 'vitest';
import { decodeCheckpoint, encodeCheckpoint } from '../../../src/studio/runs/checkpointFile.ts';
import { folderFiles } from '../../../src/studio/runs/folderFiles.ts';
import { InputStore } from '../../../src/studio/runs/inputStore.ts';
import type { Recipe } from '../../../src/studio/api/recipe.ts';
import type { RunResult } from '../../../src/studio/api/run.ts';
import { createSession } from '../../../src/studio/session.ts';
import { MemoryFolder } from './memoryFolder.ts';
import { RunBench, stopAfter, TEACHER, TEXT } from './runBench.ts';

const bench = new RunBench();
const CUT = { vocabulary: 60, vocabularyText: false };
const WISH = { sequence: 32, seed: 1 };
const timeless = (result: RunResult): RunResult => ({ ...result, seconds: 0 });

/** A recipe as builds wrote it that could not say how a vocabulary is cut. */
function earlier(recipe: Recipe): Recipe {
  const stored = { ...recipe };
  for (const field of ['vocabulary', 'vocabularyText']) Reflect.deleteProperty(stored, field);
  return stored;
}

test('a run whose vocabulary is cut goes on bit for bit, from its files and from what it kept', async () => {
  const cut = async (name: string, inputs?: InputStore): ReturnType<typeof bench.open> => {
    const opened = await bench.open(name, inputs === undefined ? {} : { inputs });
    await opened.session.loadText('prose', TEXT, { ...WISH, cut: CUT });
    return { ...opened, recipe: { ...opened.recipe, ...CUT } };
  };
  const whole = await cut('uninterrupted');
  const wanted = timeless(await whole.session.start(whole.recipe, () => {}));
  expect(wanted.vocabularySize).toBe(60);

  const inputs = new InputStore(new MemoryFolder());
  const first = await cut('cut', inputs);
  await first.session.start(first.recipe, stopAfter(first.session, 5));
  const [stopped] = await first.session.runs();
  expect(stopped?.recipe).toMatchObject(CUT);

  const again = await bench.open('cut');
  const { run } = (await again.session.unfinished())[0] ?? { run: '' };
  await expect(again.session.resumeRun(run, () => {})).rejects.toThrow(/trained with another teacher/);
  await again.session.loadText('prose', TEXT, { ...WISH, cut: CUT });
  expect(timeless(await again.session.resumeRun(run, () => {}))).toEqual(wanted);

  const kept = createSession(first.store, { inputs });
  await kept.engine('cpu', 2);
  const { missing, teacher, text } = await kept.recallInputs(run);
  expect(missing).toEqual([]);
  expect([teacher?.cut?.after, text?.cut?.after]).toEqual([60, 60]);
  expect(await kept.openRun(run)).toMatchObject({ recipe: CUT });
  // The rows that went are not kept with the run.
  await expect(kept.loadText('prose', TEXT, { ...WISH, cut: { ...CUT, vocabulary: 59 } })).rejects.toThrow(
    /^vocabulary: golden — expected the teacher with all its \d+ tokens, got the 60 that its run kept\. Give the teacher's files again/,
  );
  await kept.loadText('prose', TEXT, WISH);
  await kept.loadTeacher('golden', TEACHER);
  expect(await kept.recallInputs(run)).toMatchObject({ missing: [] });
  // Now the whole one is at hand as well.
  expect((await kept.loadText('prose', TEXT, { ...WISH, cut: { ...CUT, vocabulary: 59 } })).cut?.after).toBe(59);
});

test.each([
  ['whole', undefined],
  ['cut by an option', CUT],
])('a run of a build whose recipes had no vocabulary goes on as it was: %s', async (name, cut) => {
  const { session, recipe, store, folder } = await bench.open(`earlier ${name}`);
  if (cut !== undefined) await session.loadText('prose', TEXT, { ...WISH, cut });
  const asked = { ...recipe, ...cut };
  const wanted = timeless(await session.start(asked, () => {}));
  await session.deleteRun((await session.runs())[0]?.run ?? '');
  await session.start(asked, stopAfter(session, 5));
  const [{ run } = { run: '' }] = await session.unfinished();

  const files = folderFiles(folder);
  const path = (await files.list()).find((file) => file.startsWith(run) && file.endsWith('.ckpt')) ?? '';
  const checkpoint = await decodeCheckpoint(path, await files.open(path));
  await files.write(path, await encodeCheckpoint({ ...checkpoint, state: { ...checkpoint.state, recipe: earlier(asked) } }));
  const record = await store.record(run);
  if (record !== undefined) await store.saveRecord({ ...record, recipe: earlier(asked) });

  const later = await bench.open(`earlier ${name}`);
  if (cut !== undefined) await later.session.loadText('prose', TEXT, { ...WISH, cut });
  const [waiting] = await later.session.unfinished();
  expect(waiting?.recipe).toMatchObject({ vocabulary: 0, vocabularyText: false });
  expect(timeless(await later.session.resumeRun(run, () => {}))).toEqual(wanted);
});

test('a finished run answers in its own vocabulary, however it is cut afterwards', async () => {
  const { session, recipe } = await bench.open('finished and cut again');
  const short = { ...recipe, steps: 2 };
  await session.start(short, () => {});
  const before = { attention: await session.attention('the cat', 0, 0), words: await session.fillMask('the [MASK]') };
  await session.loadText('prose', TEXT, { ...WISH, cut: CUT });
  expect({ attention: await session.attention('the cat', 0, 0), words: await session.fillMask('the [MASK]') }).toEqual(before);
  const exported = await session.exportStudent('student', () => {});
  expect(exported.onnx.some(({ heldOut }) => heldOut !== null)).toBe(true);

  await session.start({ ...short, ...CUT }, () => {});
  const [second, first] = await session.runs();
  expect(second?.differences).toEqual(['tokens of the vocabulary 0 -> 60']);
  const { words } = { words: await session.fillMask('the [MASK]') };
  expect(words.teacher.reduce((sum, { probability }) => sum + probability, 0)).toBeLessThanOrEqual(1.000_001);
  await expect(session.openRun(first?.run ?? '')).rejects.toThrow(
    /its teacher is golden with a vocabulary that is whole, which is not loaded/,
  );
  await session.loadText('prose', TEXT, { ...WISH, cut: { vocabulary: 0, vocabularyText: false } });
  await session.openRun(first?.run ?? '');
  expect(await session.attention('the cat', 0, 0)).toEqual(before.attention);
});
