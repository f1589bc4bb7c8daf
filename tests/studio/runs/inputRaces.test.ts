import { expect, test } from 'vitest';
import { folderFiles } from '../../../src/studio/runs/folderFiles.ts';
import { InputStore } from '../../../src/studio/runs/inputStore.ts';
import { lockFiles } from '../../../src/studio/runs/lockFiles.ts';
import { RunStore } from '../../../src/studio/runs/runStore.ts';
import { createSession } from '../../../src/studio/session.ts';
import { decodeText, encodeText } from '../../../src/studio/runs/textFile.ts';
import { openBytes, type ByteSource } from '../../../src/tensor/byteSource.ts';
import { MemoryFolder } from './memoryFolder.ts';
import { HEADLESS, RunBench, stopAfter, TEXT } from './runBench.ts';

const bench = new RunBench();

/** Holds whoever comes to it until it is opened. */
class Barrier {
  readonly reached: Promise<void>;
  readonly #opened: Promise<void>;
  open: () => void = () => undefined;
  #reach: () => void = () => undefined;

  constructor() {
    this.reached = new Promise((resolve) => (this.#reach = resolve));
    this.#opened = new Promise((resolve) => (this.open = resolve));
  }

  pass(): Promise<void> {
    this.#reach();
    return this.#opened;
  }
}

/** A folder whose teachers, or texts, are slow to be read. */
class SlowFolder extends MemoryFolder {
  barrier: Barrier | undefined;
  kind = '.teacher';

  override async open(name: string): Promise<ByteSource> {
    if (name.endsWith(this.kind)) await this.barrier?.pass();
    return super.open(name);
  }
}

/** What a run began with that was stopped; one more session over the same runs. */
async function stopped(name: string, folder: SlowFolder): Promise<{ run: string; inputs: InputStore; store: RunStore }> {
  const inputs = new InputStore(folder);
  const first = await bench.open(name, { inputs });
  await first.session.start(first.recipe, stopAfter(first.session, 2));
  const [run] = await first.session.runs();
  return { run: run?.run ?? '', inputs, store: new RunStore(folderFiles(first.folder), lockFiles(first.folder)) };
}

test.each(['.teacher', '.text'])(
  'of two recalls the later counts, where the %s is slow: the run that it leads to goes through',
  async (kind) => {
    const folder = new SlowFolder();
    const { run, inputs, store } = await stopped(`twice ${kind}`, folder);
    const later = createSession(store, { inputs });
    await later.engine('cpu', 2);
    folder.kind = kind;
    const barrier = (folder.barrier = new Barrier());
    const first = later.recallInputs(run);
    await barrier.reached;
    folder.barrier = undefined;
    expect((await later.recallInputs(run)).missing).toEqual([]);
    const going = later.resumeRun(run, stopAfter(later, 4));
    barrier.open();
    await expect(first).rejects.toThrow(/something else was asked for|a run is going on/);
    await going;
    expect((await later.runs())[0]).toMatchObject({ ending: 'stopped', done: 4 });
  },
);

test('a recall that ends after a run was started changes nothing under it', async () => {
  const folder = new SlowFolder();
  const { run, inputs, store } = await stopped('under', folder);
  const later = createSession(store, { inputs });
  await later.engine('cpu', 2);
  await later.loadTeacher('headless', HEADLESS);
  await later.loadText('prose', TEXT, { sequence: 32, seed: 1 });
  const barrier = (folder.barrier = new Barrier());
  const recalled = later.recallInputs(run);
  await barrier.reached;
  const recipe = { ...(await later.defaults()), mode: 'prune' as const, steps: 100_000, batch: 4, sequence: 32 };
  const stop = (): void => void later.stop();
  await later.start(recipe, (event) => {
    if (event.kind !== 'step' || event.step !== 1) return;
    barrier.open();
    recalled.then(stop, stop);
  });
  await expect(recalled).rejects.toMatchObject({ code: 'order' });
  expect((await later.runs())[0]).toMatchObject({ teacher: 'headless', ending: 'stopped' });
  expect((await later.recallInputs((await later.runs())[0]?.run ?? '')).missing).toEqual([]);
});

test('a text that is read when a run starts is not taken, nor kept as that run’s', async () => {
  const folder = new MemoryFolder();
  const { session, recipe } = await bench.open('text under', { inputs: new InputStore(folder) });
  const [file] = TEXT;
  const content = openBytes(file?.bytes ?? new Uint8Array(0));
  const barrier = new Barrier();
  const slow: ByteSource = {
    size: content.size,
    read: async (start, end) => {
      await barrier.pass();
      return content.read(start, end);
    },
  };
  const other = session.loadText('other', [{ path: 'other.txt', bytes: slow }], { sequence: 32, seed: 7 });
  await barrier.reached;
  const going = session.start({ ...recipe, steps: 2 }, () => undefined);
  // Its record is written by the run itself.
  await expect.poll(async () => (await session.runs()).length).toBe(1);
  barrier.open();
  await expect(other).rejects.toMatchObject({ code: 'order' });
  await going;
  const [name, bytes] = [...folder.held].find(([each]) => each.endsWith('.text')) ?? ['', new Uint8Array(0)];
  expect((await decodeText(name, bytes))?.report.name).toBe('prose');
});

test('a text of another teacher’s vocabulary is not taken', async () => {
  const { session } = await bench.open('text of another');
  const barrier = new Barrier();
  const content = openBytes(TEXT[0]?.bytes ?? new Uint8Array(0));
  const slow: ByteSource = { size: content.size, read: async (start, end) => (await barrier.pass(), content.read(start, end)) };
  const reading = session.loadText('late', [{ path: 'late.txt', bytes: slow }], { sequence: 32, seed: 1 });
  await barrier.reached;
  await session.loadTeacher('headless', HEADLESS);
  barrier.open();
  await expect(reading).rejects.toMatchObject({ code: 'cancelled' });
});

test('what another tab keeps while a page tidies stays', async () => {
  const folder = new SlowFolder();
  const inputs = new InputStore(folder);
  const other = await bench.open('other tab', { inputs });
  await folder.write('left-behind.text', [Uint8Array.of(1)]);
  const store = new RunStore(folderFiles(other.folder), lockFiles(other.folder));
  await inputs.sweep(async () => {
    const used = await store.inUse();
    await other.session.start({ ...other.recipe, steps: 2 }, () => undefined);
    return used;
  });
  const [run] = await other.session.runs();
  expect(folder.held.has('left-behind.text')).toBe(false);
  expect((await createSession(store, { inputs }).recallInputs(run?.run ?? '')).missing).toEqual([]);
});

test('a text under another’s fingerprint is not recalled, whatever it says of itself, and is kept anew', async () => {
  const folder = new MemoryFolder();
  const inputs = new InputStore(folder);
  const first = await bench.open('wrong', { inputs });
  await first.session.start({ ...first.recipe, steps: 2 }, () => undefined);
  const [name, bytes] = [...folder.held].find(([each]) => each.endsWith('.text')) ?? ['', new Uint8Array(0)];
  const kept = await decodeText(name, bytes);
  if (kept === undefined) throw new Error('test: no text was kept');
  const fingerprint = name.split('.', 1)[0] ?? '';
  expect((await inputs.text(fingerprint))?.corpus.train).toEqual(kept.corpus.train);
  const wrong = { ...kept, corpus: { ...kept.corpus, train: kept.corpus.train.toReversed() } };
  await folder.write(name, await encodeText(wrong));
  expect(await inputs.text(fingerprint)).toBeUndefined();
  expect(folder.held.has(name)).toBe(false);
  await first.session.start({ ...first.recipe, steps: 2 }, () => undefined);
  expect((await inputs.text(fingerprint))?.corpus.train).toEqual(kept.corpus.train);
});
