import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { decodeCheckpoint, encodeCheckpoint, type Checkpoint } from '../../src/studio/runs/checkpointFile.ts';
import { recipeFrom } from '../../src/studio/runs/recipeVersions.ts';
import { RunBench, stopAfter } from './runBench.ts';

const bench = new RunBench();

async function keptCheckpoint(folder: string): Promise<{ readonly checkpoint: Checkpoint; readonly bytes: Uint8Array }> {
  const { session, store, recipe } = await bench.open(folder);
  await session.start(recipe, stopAfter(session, 3));
  const [run = ''] = await store.runs();
  const checkpoint = await store.load(run);
  if (checkpoint === undefined) throw new Error('no checkpoint');
  return { checkpoint, bytes: Buffer.concat(await encodeCheckpoint(checkpoint)) };
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
  newer[7] = '3'.charCodeAt(0);
  await expect(decodeCheckpoint('newer', newer)).rejects.toThrow(/version 1 to 2, got version 3/);
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
  const written = Buffer.concat(await encodeCheckpoint({ ...checkpoint, state: { ...checkpoint.state, untrained } }));
  expect((await decodeCheckpoint('odd', written)).state.untrained).toEqual(untrained);
});

test('one of version 1 is migrated, and its run goes on', async () => {
  // Written by the build before curves were kept: a student of 8 dimensions, stopped at step 8 of 12, polishing.
  const old = await decodeCheckpoint('version-1', readFileSync(new URL('checkpoints/version-1.ckpt', import.meta.url)));
  expect(old.state).toMatchObject({ phase: 'polish', done: 8, updates: 2, recipe: { steps: 12, seed: 1 } });
  expect(old.state.tensors.get('first.bert.embeddings.LayerNorm.weight')?.data).toHaveLength(8);
  expect(old.metrics.steps).toHaveLength(0);

  const { session, store, recipe } = await bench.open('version-1');
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

test('a recipe with a field of a newer build is refused by name, as is one without a field', async () => {
  const { recipe } = await bench.open('recipes');
  expect(recipeFrom('kept', recipe)).toEqual(recipe);
  expect(() => recipeFrom('kept', { ...recipe, warpFactor: 9 })).toThrow(/"warpFactor", which a newer one wrote/);
  const { seed: _, ...without } = recipe;
  expect(() => recipeFrom('kept', without)).toThrow(/with "seed"/);
});
