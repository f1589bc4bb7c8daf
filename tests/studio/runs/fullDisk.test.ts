import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { RunFiles } from '../../../src/studio/runs/runFiles.ts';
import type { RunResult, StudioEvent } from '../../../src/studio/api/run.ts';
import type { StudioApi } from '../../../src/studio/studioApi.ts';
import { MemoryFolder } from './memoryFolder.ts';
import { RunBench } from './runBench.ts';

const bench = new RunBench();

/** A disk that can be filled. */
class Disk extends MemoryFolder {
  full = false;
  freeBytes: number | undefined;

  readonly layer = (): RunFiles => this;

  override write(name: string, parts: Iterable<Uint8Array>): Promise<void> {
    if (this.full) return Promise.reject(new DOMException('The quota has been exceeded.', 'QuotaExceededError'));
    return super.write(name, parts);
  }

  override free(): Promise<number | undefined> {
    return Promise.resolve(this.freeBytes);
  }
}

/** Waits until nothing has been heard for a while: long enough for many of the golden teacher's steps. */
async function silence(events: readonly StudioEvent[]): Promise<void> {
  for (let heard = -1; heard !== events.length;) {
    heard = events.length;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

const stepsOf = (events: readonly StudioEvent[]): number[] => events.flatMap((event) => (event.kind === 'step' ? [event.step] : []));
const said = (events: readonly StudioEvent[]): StudioEvent[] => events.filter(({ kind }) => kind === 'notKept');

/** Starts a run whose disk is full from a step on. */
async function fillUp(
  session: StudioApi,
  start: (listen: (event: StudioEvent) => void) => Promise<RunResult>,
  fill: (event: StudioEvent) => void,
  top: () => void = () => {},
): Promise<{ readonly events: StudioEvent[]; readonly run: Promise<RunResult> }> {
  const events: StudioEvent[] = [];
  const run = start((event) => {
    events.push(event);
    fill(event);
  });
  // A run that is refused would never say anything.
  const over = run.then(
    () => true,
    () => true,
  );
  const soon = (): Promise<boolean> => new Promise((resolve) => setTimeout(resolve, 20, false));
  while (said(events).length === 0 && !(await Promise.race([over, soon()])));
  await silence(events);
  top();
  await expect(session.resume()).rejects.toMatchObject({ code: 'storage' });
  await silence(events);
  return { events, run };
}

test('a full disk pauses the run, keeps what was written, and lets it go on when there is room', async () => {
  const disk = new Disk();
  const whole = await bench.open('roomy');
  const wanted = await whole.session.start(whole.recipe, () => {});
  const { session, store, recipe } = await bench.open('full', { keepEvery: 3 }, disk.layer);
  const { events, run } = await fillUp(
    session,
    (listen) => session.start(recipe, listen),
    (event) => {
      if (event.kind === 'kept' && event.step === 3) disk.full = true;
    },
  );
  // The failed write was of step 6; the step after it may have begun.
  expect(Math.max(...stepsOf(events))).toBeLessThanOrEqual(8);
  expect(said(events)[0]).toMatchObject({ paused: true, step: 6 });
  expect(JSON.stringify(said(events)[0])).toContain('there is no room left. The run waits, and what was kept stays.');
  const [name = ''] = await store.runs();
  expect((await store.load(name))?.state.done).toBe(3);

  disk.full = false;
  await session.resume();
  expect({ ...(await run), seconds: 0 }).toEqual({ ...wanted, seconds: 0 });
  expect(stepsOf(events)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  expect((await session.runs())[0]).toMatchObject({ ending: 'done', done: 12 });
});

test('a run that is stopped while the disk is full can be exported, and goes on from its last checkpoint', async () => {
  const disk = new Disk();
  const { session, recipe } = await bench.open('full-stop', { keepEvery: 3 }, disk.layer);
  const { events, run } = await fillUp(
    session,
    (listen) => session.start(recipe, listen),
    (event) => {
      if (event.kind === 'kept' && event.step === 3) disk.full = true;
    },
  );
  await session.stop();
  expect(await run).toMatchObject({ stopped: true });
  expect(said(events).at(-1)).toMatchObject({ paused: false });
  expect((await session.exportStudent('student', () => {})).files.length).toBeGreaterThan(3);
  disk.full = false;
  const [waiting] = await session.unfinished();
  expect(waiting?.done).toBe(3);
  expect(await session.resumeRun(waiting?.run ?? '', () => {})).toMatchObject({ stepsDone: 12, stopped: false });
});

test('deleted runs give their room to a run that needs it', async () => {
  const disk = new (class extends Disk {
    override async remove(name: string): Promise<void> {
      await super.remove(name);
      this.full = false;
    }
  })();
  const { session, recipe } = await bench.open('bin-room', { keepEvery: 3 }, disk.layer);
  await session.start(recipe, () => {});
  const [{ run } = { run: '' }] = await session.runs();
  await session.deleteRun(run);
  const events: StudioEvent[] = [];
  await session.start(recipe, (event) => {
    events.push(event);
    if (event.kind === 'step' && event.step === 5) disk.full = true;
  });
  expect(said(events)).toEqual([]);
  await expect(session.restoreRun(run)).rejects.toThrow(/gone for good/);
});

test('a start that would not find room is refused, with both numbers', async () => {
  const disk = new Disk();
  const { session, recipe } = await bench.open('no-room', {}, disk.layer);
  const report = await session.storage(recipe);
  expect(report.free).toBeNull();
  disk.freeBytes = report.needed - 1;
  expect(await session.storage(recipe)).toEqual({ needed: report.needed, free: report.needed - 1 });
  await expect(session.start(recipe, () => {})).rejects.toMatchObject({ code: 'storage', details: { needed: report.needed } });
  expect(await session.runs()).toEqual([]);
  disk.freeBytes = report.needed;
  expect(await session.start({ ...recipe, steps: 2 }, () => {})).toMatchObject({ stepsDone: 2 });
});

/** A file system of two MiB in memory, or undefined where this user may not make one. */
function smallDisk(folder: string): { readonly close: () => void } | undefined {
  mkdirSync(folder, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'wid-studio-test', folder], { stdio: 'pipe' });
  } catch {
    return undefined;
  }
  return { close: () => execFileSync('umount', [folder]) };
}

test('the same on a real file system of two MiB', async ({ skip }) => {
  const folder = join(bench.scratch, 'tiny');
  const disk = smallDisk(folder);
  if (disk === undefined) {
    console.warn('full disk: this user may not mount a file system; the test with a real one is skipped.');
    skip();
    return;
  }
  try {
    const { session, store, recipe } = await bench.open('tiny', { keepEvery: 3 });
    // Many steps: they overtake writes where the machine is busy.
    const steps = 400;
    let kept = 0;
    const ballast = join(folder, 'ballast');
    const fillRest = (file: string): void => {
      const { bavail, bsize } = statfsSync(folder);
      writeFileSync(file, new Uint8Array(bavail * bsize));
    };
    const { events, run } = await fillUp(
      session,
      // Where the teacher's weights learn too, checkpoints are larger than this disk has room for, and the start is refused.
      (listen) => session.start({ ...recipe, teacherLearningRate: 0, steps, evaluateEvery: steps }, listen),
      (event) => {
        if (event.kind !== 'kept') return;
        if (kept === 0) fillRest(ballast);
        kept = event.step;
      },
      // What the failed write had taken is free again.
      () => fillRest(`${ballast} too`),
    );
    expect(said(events)[0]).toMatchObject({ paused: true });
    const [name = ''] = await store.runs();
    expect((await store.load(name))?.state.done).toBe(kept);
    rmSync(ballast);
    rmSync(`${ballast} too`);
    await session.resume();
    expect(await run).toMatchObject({ stepsDone: steps, stopped: false });
    expect((await session.runs())[0]).toMatchObject({ ending: 'done' });
  } finally {
    disk.close();
  }
});
