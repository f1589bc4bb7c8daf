import { expect, test } from 'vitest';
import { folderFiles } from '../../../src/studio/runs/folderFiles.ts';
import { InputStore } from '../../../src/studio/runs/inputStore.ts';
import { lockFiles } from '../../../src/studio/runs/lockFiles.ts';
import { RunStore } from '../../../src/studio/runs/runStore.ts';
import { fingerprintOfCorpus } from '../../../src/studio/runs/fingerprint.ts';
import { decodeText, encodeText } from '../../../src/studio/runs/textFile.ts';
import { createSession } from '../../../src/studio/session.ts';
import type { TextReport } from '../../../src/studio/api/text.ts';
import type { StudioApi } from '../../../src/studio/studioApi.ts';
import { buildCorpus } from '../../../src/text/corpus.ts';
import { createTokenizer } from '../../../src/text/tokenizer.ts';
import { MemoryFolder } from './memoryFolder.ts';
import { HEADLESS, RunBench, stopAfter, TEACHER } from './runBench.ts';

const bench = new RunBench();

const REPORT: TextReport = {
  name: 'text',
  files: 1,
  bytes: 1,
  documents: 60,
  tokens: 1,
  trainSequences: 1,
  heldOutSequences: 1,
  sequence: 32,
  unknownShare: 0,
  lengths: [],
  example: [],
  columns: null,
  notices: [],
};

/** A session as a page that was just opened has it: nothing is loaded. */
async function empty(folder: string, inputs: InputStore): Promise<StudioApi> {
  const session = createSession(new RunStore(folderFiles(folder), lockFiles(folder)), { inputs });
  await session.engine('cpu', 2);
  return session;
}

test.each([
  ['with its head', TEACHER],
  ['without a head', HEADLESS],
])('a run goes on without the files that it began with, bit for bit: a teacher %s', async (name, teacher) => {
  const inputs = new InputStore(new MemoryFolder());
  const whole = await bench.open(`whole ${name}`, {}, undefined, 'cpu', teacher);
  const wanted = await whole.session.start(whole.recipe, () => undefined);
  const first = await bench.open(`stopped ${name}`, { inputs }, undefined, 'cpu', teacher);
  await first.session.start(first.recipe, stopAfter(first.session, 5));

  const later = await empty(first.folder, inputs);
  const [waiting] = await later.unfinished();
  expect(waiting?.inputs).toMatchObject({ teacher: 'golden', text: 'prose', kept: true });
  expect(waiting?.inputs.files.teacher.map(({ path }) => path)).toEqual(['config.json', 'model.safetensors', 'vocab.txt']);
  expect(waiting?.inputs.files.text).toMatchObject([{ path: 'a1.txt' }]);
  await expect(later.resumeRun(waiting?.run ?? '', () => undefined)).rejects.toThrow(
    /another teacher. Load the same teacher \(config.json and 2 more\)/,
  );
  const recalled = await later.recallInputs(waiting?.run ?? '');
  expect(recalled.missing).toEqual([]);
  expect(recalled.teacher).toMatchObject({ name: 'golden', head: name === 'with its head' ? 'mlm' : 'none' });
  expect(recalled.text).toMatchObject({ name: 'prose', sequence: 32 });
  expect(await later.recallInputs(waiting?.run ?? '')).toMatchObject({ teacher: null, text: null, missing: [] });
  expect({ ...(await later.resumeRun(waiting?.run ?? '', () => undefined)), seconds: 0 }).toEqual({ ...wanted, seconds: 0 });
  // What leaves is what would have left.
  const { files } = await later.exportStudent('student', () => undefined);
  expect(files.map(({ path }) => path)).toEqual(
    (await first.session.exportStudent('student', () => undefined)).files.map(({ path }) => path),
  );
});

test('a text whose documents lie apart is kept with where they lie, and is another text than the same joined', async () => {
  const documents = Array.from({ length: 60 }, (_, i) => ({ name: `${i}`, text: `the ${i % 7 === 0 ? 'river ran past the' : 'a'} mill` }));
  const tokenizer = createTokenizer({ vocabulary: '[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\na\nriver\nran\npast\nmill' });
  const built = (apart: boolean) => buildCorpus(documents, tokenizer, { sequence: 32, seed: 1, apart });
  const [apart, joined] = [await built(true), await built(false)];
  const fingerprints = await Promise.all([apart, joined].map(fingerprintOfCorpus));
  expect(fingerprints[0]).not.toBe(fingerprints[1]);
  // Where they lie is part of it too.
  const { heldOut = new Int32Array(), train = new Int32Array() } = apart.apart ?? {};
  expect(await fingerprintOfCorpus({ ...apart, apart: { heldOut, train: train.with(1, 1) } })).not.toBe(fingerprints[0]);
  for (const corpus of [apart, joined]) {
    const pieces = [...(await encodeText({ corpus, report: REPORT, fingerprint: 'x' }))];
    expect((await decodeText('text', new Uint8Array(Buffer.concat(pieces))))?.corpus).toEqual(corpus);
  }
});

test('runs share what they began with; it goes when no run is left that needs it', async () => {
  const folder = new MemoryFolder();
  const inputs = new InputStore(folder);
  const { session, store, recipe, folder: place } = await bench.open('shared', { inputs });
  await session.start({ ...recipe, steps: 2 }, () => undefined);
  await session.start({ ...recipe, steps: 3 }, () => undefined);
  expect([...folder.held.keys()].map((name) => name.split('.')[1])).toEqual(['teacher', 'text']);
  const [second, first] = (await session.runs()).map(({ run }) => run);
  await session.deleteRun(first ?? '');
  await session.deleteRun(second ?? '');
  // They can still come back.
  await (await empty(place, inputs)).runs();
  expect(folder.held.size).toBe(2);
  await store.emptyBin(0);
  await (await empty(place, inputs)).runs();
  expect(folder.held.size).toBe(0);
});

test('where there is no room, or what is kept is damaged, the files are named', async () => {
  const folder = new MemoryFolder();
  const inputs = new InputStore(folder);
  folder.free = (wanted) => Promise.resolve(wanted - 1);
  const tight = await bench.open('tight', { inputs });
  await tight.session.start(tight.recipe, stopAfter(tight.session, 2));
  expect(folder.held.size).toBe(0);
  const [waiting] = await tight.session.unfinished();
  expect(waiting?.inputs.kept).toBe(false);

  folder.free = () => Promise.resolve(undefined);
  await tight.session.resumeRun(waiting?.run ?? '', stopAfter(tight.session, 3));
  expect(folder.held.size).toBe(2);
  for (const [name, bytes] of folder.held) folder.held.set(name, bytes.with(bytes.length - 9, 1 ^ (bytes.at(-9) ?? 0)));
  const later = await empty(tight.folder, inputs);
  expect(await later.recallInputs(waiting?.run ?? '')).toMatchObject({
    teacher: null,
    text: null,
    missing: ['teacher', 'text'],
    files: { text: [{ path: 'a1.txt' }] },
  });
  // The next run keeps it anew.
  expect([...folder.held.keys()].filter((name) => name.endsWith('.teacher'))).toEqual([]);
});
