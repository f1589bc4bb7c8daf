import { expect, test, vi } from 'vitest';
import { WasmEngine } from '../../../src/engines/wasm/wasmEngine.ts';
import { WebGpuEngine } from '../../../src/engines/webgpu/webgpuEngine.ts';
import type { Engine } from '../../../src/engines/engine.ts';
import type { Recipe } from '../../../src/studio/api/recipe.ts';
import type { RunResult, StudioEvent } from '../../../src/studio/api/run.ts';
import { lateEngine, type LateOptions, type StepLog } from '../../engines/lateEngine.ts';
import { takeSoftwareGpu } from '../../engines/softwareGpu.ts';
import { RunBench, stopAfter, type Opened } from '../runs/runBench.ts';

const bench = new RunBench();
const SMALL = { layers: 2, hiddenSize: 12, heads: 3, headSize: 4, intermediateSize: 20 };
const MODES = ['calibrated', 'paper', 'progressive'] as const;

async function opened(
  name: string,
  options: LateOptions,
  log: StepLog = [],
  make: () => Promise<Engine> = () => WasmEngine.create(2),
): Promise<Opened> {
  const makeEngine = async (): Promise<Engine> => lateEngine(await make(), log, options);
  const { recipe, ...rest } = await bench.open(name, { makeEngine }, undefined, 'webgpu');
  return { ...rest, recipe: { ...recipe, student: SMALL, steps: 16, evaluateEvery: 6 } };
}

type Said = Extract<StudioEvent, { readonly kind: 'step' | 'heldOut' | 'similarity' | 'norms' }>;

/** What a run says, without what a clock decides and without progress, in order. */
function said(events: readonly StudioEvent[]): Said[] {
  return events.flatMap((event): Said[] => {
    if (event.kind === 'step') return [{ ...event, tokensPerSecond: 0, secondsLeft: 0 }];
    return event.kind === 'heldOut' || event.kind === 'similarity' || event.kind === 'norms' ? [event] : [];
  });
}

async function runOf({ session, recipe }: Opened, change: Partial<Recipe>): Promise<{ events: Said[]; result: RunResult }> {
  const events: StudioEvent[] = [];
  const result = await session.start({ ...recipe, ...change }, (event) => events.push(event));
  return { events: said(events), result: { ...result, seconds: 0 } };
}

test.each(MODES)('%s: a run whose losses come late says the same in the same order, and ends alike', async (mode) => {
  const now = await runOf(await opened(`now ${mode}`, {}), { mode });
  const log: StepLog = [];
  const late = await runOf(await opened(`late ${mode}`, { ahead: 1 }, log), { mode });
  expect(late).toEqual(now);
  expect(
    log.findIndex(([what]) => what === 'loss'),
    'the second step is handed over before the first loss',
  ).toBeGreaterThan(1);
});

test.each([
  ['calibrated', 8],
  ['paper', 7],
  ['progressive', 8],
  ['progressive', 16],
] as const)('%s: a loss that is not finite at step %i ends a run as if it had been waited for', async (mode, poison) => {
  const now = await runOf(await opened(`fault ${mode} ${poison}`, { poison }), { mode });
  const late = await runOf(await opened(`late fault ${mode} ${poison}`, { poison, ahead: 1 }), { mode });
  expect(now.result).toMatchObject({ stepsDone: poison - 1, stopped: true });
  expect(now.result.fault).toMatch(
    new RegExp(`^run: loss is NaN at step ${poison - 1} .*the student is that of step (${poison - 1}|5|6|12)\\. Try`),
  );
  expect(late).toEqual(now);
});

test.each([1, 7, 11])('stopped after step %i and resumed, it gives the numbers of a run that never stopped', async (stopAt) => {
  const straight = await runOf(await opened(`straight ${stopAt}`, {}), {});
  const first = await opened(`stop ${stopAt}`, { ahead: 1 });
  const before: StudioEvent[] = [];
  const stop = stopAfter(first.session, stopAt);
  const stopped = await first.session.start(first.recipe, (event) => {
    before.push(event);
    stop(event);
  });
  // The step that was on its way is told too.
  expect(stopped.stepsDone - stopAt).toBeLessThanOrEqual(1);
  const second = await opened(`stop ${stopAt}`, { ahead: 1 });
  const [waiting] = await second.session.unfinished();
  expect(waiting).toMatchObject({ done: stopped.stepsDone });
  const later: StudioEvent[] = [];
  const result = await second.session.resumeRun(waiting?.run ?? '', (event) => later.push(event));
  const steps = (events: readonly Said[]): Said[] => events.filter(({ kind }) => kind === 'step');
  expect([...steps(said(before)), ...steps(said(later))]).toEqual(steps(straight.events));
  expect({ ...result, seconds: 0 }).toEqual(straight.result);
});

test('every step of a paused run is told, one a click', async () => {
  const { session, recipe } = await opened('paused', { ahead: 1 });
  const steps: number[] = [];
  const kept: number[] = [];
  const running = session.start(recipe, (event) => {
    if (event.kind === 'kept') kept.push(event.step);
    if (event.kind !== 'step') return;
    steps.push(event.step);
    if (event.step === 2) void session.pause();
  });
  /** A paused run keeps its state once all of its steps are told. */
  const heldAfter = (step: number): Promise<void> =>
    vi.waitFor(
      () => {
        expect(kept.at(-1)).toBeGreaterThanOrEqual(step);
        expect(steps).toHaveLength(kept.at(-1) ?? 0);
      },
      { timeout: 30_000 },
    );
  await heldAfter(2);
  // The step that was on its way when the pause came is told within it.
  const held = steps.length;
  expect(held).toBeLessThanOrEqual(3);
  await session.step();
  await heldAfter(held + 1);
  expect(steps).toHaveLength(held + 1);
  // Two clicks at once are two steps.
  await Promise.all([session.step(), session.step()]);
  await heldAfter(held + 3);
  expect(steps).toHaveLength(held + 3);
  await session.resume();
  const result = await running;
  expect(result.stepsDone).toBe(recipe.steps);
  expect(steps).toEqual(Array.from({ length: recipe.steps }, (_, i) => i + 1));
});

test('on WebGPU every step but the one behind a look is handed over before the loss of the one before is read', async () => {
  await takeSoftwareGpu();
  const log: StepLog = [];
  const { session, recipe } = await opened('webgpu', { patience: 1000 }, log, () => WebGpuEngine.create());
  await session.start({ ...recipe, mode: 'prune', evaluateEvery: 100 }, () => {});
  const waited = log.flatMap(([what, step], index) =>
    what === 'run' && step > 1 && log.slice(0, index).some(([other, read]) => other === 'loss' && read === step - 1) ? [step] : [],
  );
  // The fifth step is looked at.
  expect(waited).toEqual([6]);
  expect(log.filter(([what]) => what === 'loss')).toHaveLength(recipe.steps);
});
