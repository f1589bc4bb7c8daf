import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { decodeCheckpoint, encodeCheckpoint } from '../../src/studio/runs/checkpointFile.ts';
import { folderFiles } from '../../src/studio/runs/folderFiles.ts';
import { RunStore } from '../../src/studio/runs/runStore.ts';
import { createSession } from '../../src/studio/session.ts';
import type { GivenFile, Recipe, RunResult, StudioApi, StudioEvent } from '../../src/studio/studioApi.ts';

const CHECKPOINT = new URL('../golden/checkpoints/safetensors/', import.meta.url);
const FILES: GivenFile[] = ['config.json', 'model.safetensors', 'vocab.txt'].map((path) => ({
  path,
  bytes: new Uint8Array(readFileSync(new URL(path, CHECKPOINT))),
}));
const TEXT: GivenFile[] = [
  { path: 'a1.txt', bytes: new Uint8Array(readFileSync(new URL('../../public/demo/prose/a1.txt', import.meta.url))) },
];
const scratch = mkdtempSync(join(tmpdir(), 'wid-studio-runs-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function open(folder: string): Promise<{ session: StudioApi; store: RunStore; recipe: Recipe }> {
  const store = new RunStore(folderFiles(join(scratch, folder)));
  const session = createSession(store);
  await session.engine('cpu', 2);
  await session.loadTeacher('golden', FILES);
  await session.loadText('prose', TEXT, { sequence: 32, seed: 1 });
  const recipe: Recipe = {
    ...(await session.defaults()),
    steps: 12,
    batch: 4,
    sequence: 32,
    compactorShare: 0.5,
    calibrationTokens: 500,
    evaluateEvery: 4,
  };
  return { session, store, recipe };
}

/** Everything about a run that does not depend on the clock. */
function numbers(events: readonly StudioEvent[], from: number): unknown[] {
  return events.flatMap((event) => {
    if (event.kind === 'step' && event.step > from) return [[event.step, event.loss, event.gradientNorm, event.learningRate]];
    if ((event.kind === 'heldOut' || event.kind === 'similarity') && event.step > from) return [[event.step, event.value]];
    return [];
  });
}

describe('a run that was stopped and resumed', () => {
  test.each([2, 6, 9])('after step %i gives the numbers of one that never stopped, bit for bit', async (stopAt) => {
    const whole = await open('whole');
    const straight: StudioEvent[] = [];
    const wanted = await whole.session.start(whole.recipe, (event) => straight.push(event));
    expect(await whole.session.unfinished()).toEqual([]);

    const first = await open(`stop-${stopAt}`);
    const stopped = await first.session.start(first.recipe, (event) => {
      if (event.kind === 'step' && event.step === stopAt) void first.session.stop();
    });
    expect(stopped).toMatchObject({ stopped: true, stepsDone: stopAt });
    const second = await open(`stop-${stopAt}`);
    const [waiting] = await second.session.unfinished();
    expect(waiting).toMatchObject({ done: stopAt, recipe: first.recipe });
    const later: StudioEvent[] = [];
    const result = await second.session.resumeRun(waiting?.run ?? '', (event) => later.push(event));
    expect(numbers(later, stopAt)).toEqual(numbers(straight, stopAt));
    const plain = (run: RunResult): object => ({ ...run, seconds: 0 });
    expect(plain(result)).toEqual(plain(wanted));
    expect(await second.session.unfinished()).toEqual([]);
  });

  test('needs the same teacher and text', async () => {
    const first = await open('other');
    await first.session.start(first.recipe, (event) => {
      if (event.kind === 'step') void first.session.stop();
    });
    const [waiting] = await first.session.unfinished();
    await first.session.loadText(
      'prose',
      [{ path: 'b.txt', bytes: new TextEncoder().encode('Another text, in pieces.\n\n'.repeat(2000)) }],
      { sequence: 32, seed: 1 },
    );
    await expect(first.session.resumeRun(waiting?.run ?? '', () => {})).rejects.toThrow(/was trained with another text/);
  });
});

describe('checkpoint files', () => {
  test('are refused when one byte differs, when cut short, and when of another version', async () => {
    const { session, store, recipe } = await open('bytes');
    await session.start(recipe, (event) => {
      if (event.kind === 'step' && event.step === 3) void session.stop();
    });
    const [run = ''] = await store.runs();
    const checkpoint = await store.load(run);
    if (checkpoint === undefined) throw new Error('no checkpoint');
    const bytes = await encodeCheckpoint(checkpoint);
    expect(await decodeCheckpoint('whole', bytes)).toEqual(checkpoint);
    for (let at = 0; at < bytes.length; at += Math.ceil(bytes.length / 40)) {
      const changed = bytes.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      await expect(decodeCheckpoint('changed', changed)).rejects.toThrow(/expected/);
      await expect(decodeCheckpoint('cut', bytes.slice(0, at))).rejects.toThrow(/expected/);
    }
    const newer = bytes.slice();
    newer[7] = '2'.charCodeAt(0);
    await expect(decodeCheckpoint('newer', newer)).rejects.toThrow(/version 2/);
  });

  test('a damaged newest one is passed over for the one before', async () => {
    const { session, store, recipe } = await open('damaged');
    const files = folderFiles(join(scratch, 'damaged'));
    await session.start(recipe, (event) => {
      if (event.kind === 'step' && event.step === 3) void session.stop();
    });
    const [run = ''] = await store.runs();
    await files.write(`${run}.000000099.ckpt`, new Uint8Array(1000));
    const heard: string[] = [];
    expect((await store.load(run, (message) => heard.push(message)))?.state.done).toBe(3);
    expect(heard).toHaveLength(1);
  });
});
