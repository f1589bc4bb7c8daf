import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lockFiles } from '../../../src/studio/runs/lockFiles.ts';
import { RunBench, stopAfter } from './runBench.ts';

const bench = new RunBench();

test('two sessions do not write one run', async () => {
  const first = await bench.open('shared', { keepEvery: 2 });
  await first.session.start(first.recipe, stopAfter(first.session, 2));
  const second = await bench.open('shared', { keepEvery: 2 });
  const [{ run } = { run: '' }] = await second.session.runs();
  const paused = new Promise<void>((resolve) => {
    const listen = (event: { readonly kind: string }): void => {
      if (event.kind === 'step') void first.session.pause().then(resolve);
    };
    void first.session.resumeRun(run, listen).catch(() => {});
  });
  await paused;
  expect((await second.session.runs())[0]).toMatchObject({ busy: true });
  expect(await second.session.unfinished()).toEqual([]);
  const busy = { code: 'run-busy' };
  await expect(second.session.resumeRun(run, () => {})).rejects.toMatchObject(busy);
  await expect(second.session.deleteRun(run)).rejects.toMatchObject(busy);
  await expect(second.session.renameRun(run, 'mine')).rejects.toMatchObject(busy);
  // Its own session may.
  await first.session.renameRun(run, 'ours');
  await first.session.stop();
  await expect.poll(async () => (await second.session.runs())[0]?.busy).toBe(false);
  expect((await second.session.runs())[0]?.name).toBe('ours');
  expect(await second.session.resumeRun(run, () => {})).toMatchObject({ stepsDone: 12 });
});

test('a session that did not get a run can start another', async () => {
  const { session, store, recipe } = await bench.open('free-again');
  await session.start(recipe, stopAfter(session, 2));
  const [run = ''] = await store.runs();
  const lease = await store.hold(run);
  await expect(session.resumeRun(run, () => {})).rejects.toMatchObject({ code: 'run-busy' });
  expect(await session.start({ ...recipe, steps: 1 }, () => {})).toMatchObject({ stepsDone: 1 });
  await lease.release();
});

const folderWith = (name: string, holder: object | string): string => {
  const folder = join(bench.scratch, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'run-1.lock'), typeof holder === 'string' ? holder : JSON.stringify(holder));
  return folder;
};

test('a lock holds as long as its process lives, and no longer', async () => {
  const child = spawn(process.execPath, ['-e', 'process.stdout.write("up"); setTimeout(() => {}, 60_000)'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data');
  const folder = folderWith('child', { pid: child.pid, host: hostname(), born: '' });
  const locks = lockFiles(folder);
  expect(await locks.held('run-1')).toBe(true);
  expect(await locks.hold('run-1')).toBeUndefined();
  child.kill('SIGKILL');
  await once(child, 'close');
  expect(await locks.held('run-1')).toBe(false);
  const lease = await locks.hold('run-1');
  expect(lease).toBeDefined();
  expect(await locks.hold('run-1')).toBeUndefined();
  await lease?.release();
  expect(readdirSync(folder)).toEqual([]);
});

test('a number of a process that came again holds nothing; a process of another machine does', async () => {
  const again = lockFiles(folderWith('again', { pid: process.pid, host: hostname(), born: '1' }));
  expect(await again.held('run-1')).toBe(!existsSync('/proc/self/stat'));
  const elsewhere = lockFiles(folderWith('elsewhere', { pid: 1, host: `not-${hostname()}`, born: '' }));
  expect(await elsewhere.hold('run-1')).toBeUndefined();
  const spoilt = lockFiles(folderWith('spoilt', '{"pid":'));
  expect(await spoilt.hold('run-1')).toBeDefined();
});

test('of many that find a lock whose process is gone, one gets it', async () => {
  // Some come while another is removing the old lock.
  const arrive = (order: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, 3 * (order % 4)));
  for (let round = 0; round < 40; round++) {
    const folder = folderWith(`many-${round}`, { pid: 2 ** 22 + 1, host: hostname(), born: '' });
    const leases = await Promise.all(Array.from({ length: 12 }, (_, order) => arrive(order).then(() => lockFiles(folder).hold('run-1'))));
    expect(leases.filter((lease) => lease !== undefined)).toHaveLength(1);
  }
});
