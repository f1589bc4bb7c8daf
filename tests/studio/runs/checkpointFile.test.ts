import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { decodeCheckpoint, encodeCheckpoint, type Checkpoint } from '../../../src/studio/runs/checkpointFile.ts';
import { folderFiles } from '../../../src/studio/runs/folderFiles.ts';
import { recipeFrom } from '../../../src/studio/runs/recipeVersions.ts';
import { RunStore } from '../../../src/studio/runs/runStore.ts';
import { STRETCH } from '../../../src/studio/runs/sealedFile.ts';
import { RunBench, stopAfter } from './runBench.ts';

const bench = new RunBench();

async function keptCheckpoint(folder: string): Promise<{ readonly checkpoint: Checkpoint; readonly bytes: Uint8Array }> {
  const { session, store, recipe } = await bench.open(folder);
  await session.start(recipe, stopAfter(session, 3));
  const [run = ''] = await store.runs();
  const checkpoint = await store.load(run);
  if (checkpoint === undefined) throw new Error('no checkpoint');
  return { checkpoint, bytes: Buffer.concat([...(await encodeCheckpoint(checkpoint))]) };
}

test('a checkpoint is refused when one byte differs, when cut short, and when of a newer version', async () => {
  const { checkpoint, bytes } = await keptCheckpoint('bytes');
  expect(await decodeCheckpoint('whole', bytes)).toEqual(checkpoint);
  for (let at = 0; at < bytes.length; at += Math.ceil(bytes.length / 40)) {
    const changed = Uint8Array.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    await expect(decodeCheckpoint('changed', changed)).rejects.toThrow(/expected/);
    await expect(decodeCheckpoint('cut', bytes.subarray(0, at))).rejects.toThrow(/expected/);
  }
  const newer = Uint8Array.from(bytes);
  newer[7] = '4'.charCodeAt(0);
  await expect(decodeCheckpoint('newer', newer)).rejects.toThrow(/version 1 to 3, got version 4/);
});

test('holds data cursor, random state, moments, metrics so far and the hashes', async () => {
  const { checkpoint } = await keptCheckpoint('parts');
  const { state, metrics, fingerprints, engine } = checkpoint;
  expect(state.stream.order.length).toBeGreaterThan(0);
  expect(state.stream.random.length).toBeGreaterThan(0);
  expect(state).toMatchObject({ phase: 'compactors', done: 3, updates: 3 });
  expect([...state.tensors.keys()].filter((name) => name.startsWith('second.')).length).toBeGreaterThan(0);
  expect(metrics.steps).toHaveLength(3 * 5);
  expect(metrics.others.map(({ kind }) => kind)).toContain('heldOut');
  expect(fingerprints.teacher).toMatch(/^[0-9a-f]{64}$/);
  expect(fingerprints.text).toMatch(/^[0-9a-f]{64}$/);
  expect(engine).toContain('cpu');
});

test('numbers that are not finite survive', async () => {
  const { checkpoint } = await keptCheckpoint('not-finite');
  const untrained = { loss: Number.NaN, accuracy: -Infinity, agreement: Infinity };
  const written = Buffer.concat([...(await encodeCheckpoint({ ...checkpoint, state: { ...checkpoint.state, untrained } }))]);
  expect((await decodeCheckpoint('odd', written)).state.untrained).toEqual(untrained);
});

/** Written by older builds: 1 before curves were kept, 2 before the digest was of stretches. Both stopped at step 8 of 12, polishing. */
test.each([
  { version: 1, width: 8, metrics: 0, compactors: 0 },
  { version: 2, width: 4, metrics: 8 * 5, compactors: 24 },
])('one of version $version is migrated, and its run goes on', async ({ version, width, metrics, compactors }) => {
  const name = `version-${version}`;
  const old = await decodeCheckpoint(name, readFileSync(new URL(`checkpoints/${name}.ckpt`, import.meta.url)));
  expect(old.state).toMatchObject({ phase: 'polish', done: 8, updates: 2, recipe: { steps: 12, seed: 1 } });
  expect(old.state.tensors.get('first.bert.embeddings.LayerNorm.weight')?.data).toHaveLength(width);
  expect(old.state.compactors.size).toBe(compactors);
  expect(old.metrics.steps).toHaveLength(metrics);

  const { session, store, recipe } = await bench.open(name);
  await session.start(recipe, stopAfter(session, 1));
  const [own = ''] = await store.runs();
  const fingerprints = (await store.load(own))?.fingerprints ?? old.fingerprints;
  await store.save('run-old', { ...old, fingerprints });
  const steps: number[] = [];
  const result = await session.resumeRun('run-old', (event) => {
    if (event.kind === 'step') steps.push(event.step);
  });
  expect(steps).toEqual([9, 10, 11, 12]);
  expect(result).toMatchObject({ stepsDone: 12, stopped: false });
});

/** A state whose tensors share one buffer: large on the disk, small in memory. */
function largeState({ state, ...rest }: Checkpoint, mebibytes: number): Checkpoint {
  const data = Float32Array.from({ length: 2 ** 18 }, (_, i) => i);
  const shared = Array.from({ length: mebibytes }, (_, i) => [`tensor ${i}`, { shape: [2 ** 18], data }] as const);
  return { ...rest, state: { ...state, tensors: new Map(shared) } };
}

test('a large one is written, checked and sent on in stretches, and a byte of the last one counts', async () => {
  const { checkpoint } = await keptCheckpoint('large');
  const folder = join(bench.scratch, 'large');
  const large = largeState(checkpoint, 130);
  const parts = [...(await encodeCheckpoint(large))].map(({ length }) => length);
  expect(parts).toEqual([40, STRETCH, expect.any(Number)]);

  let longest = 0;
  const files = folderFiles(folder);
  const store = new RunStore({
    ...files,
    open: async (name) => {
      const source = await files.open(name);
      const read: typeof source.read = (start, end) => {
        longest = Math.max(longest, end - start);
        return source.read(start, end);
      };
      return { size: source.size, read };
    },
  });
  await store.save('run-large', large);
  const content = await store.checkpointContent('run-large');
  expect(content?.size).toBe(parts.reduce((sum, length) => sum + length, 0));
  expect((await store.load('run-large'))?.state.tensors.get('tensor 129')).toEqual(large.state.tensors.get('tensor 129'));
  expect(longest).toBe(STRETCH);

  const path = join(folder, 'run-large.000000003.ckpt');
  const file = openSync(path, 'r+');
  writeSync(file, Uint8Array.of(1), 0, 1, (content?.size ?? 0) - 1000);
  closeSync(file);
  const damaged: string[] = [];
  expect(await store.load('run-large', (message) => damaged.push(message))).toBeUndefined();
  expect(damaged).toEqual([expect.stringMatching(/000000003.ckpt: expected the bytes that were written/)]);
});

test('a recipe with a field of a newer build is refused by name, as is one without a field', async () => {
  const { recipe } = await bench.open('recipes');
  expect(recipeFrom('kept', recipe)).toEqual(recipe);
  expect(() => recipeFrom('kept', { ...recipe, warpFactor: 9 })).toThrow(/"warpFactor", which a newer one wrote/);
  const { seed: _, ...without } = recipe;
  expect(() => recipeFrom('kept', without)).toThrow(/with "seed"/);
});
