import { unzipSync } from 'fflate';
import { expect, test } from 'vitest';
import { readSafetensors } from '../../../src/formats/safetensors.ts';
import { WasmEngine } from '../../../src/engines/wasm/wasmEngine.ts';
import type { Recipe } from '../../../src/studio/api/recipe.ts';
import type { RunResult, StudioEvent } from '../../../src/studio/api/run.ts';
import { lateEngine } from '../../engines/lateEngine.ts';
import { RunBench, stopAfter } from '../runs/runBench.ts';

const bench = new RunBench();
const SMALL = { layers: 2, hiddenSize: 12, heads: 3, headSize: 4, intermediateSize: 20 };

async function runOf(name: string, change: Partial<Recipe>): Promise<{ result: RunResult; events: StudioEvent[] }> {
  const { session, recipe } = await bench.open(name);
  const events: StudioEvent[] = [];
  const result = await session.start({ ...recipe, student: SMALL, steps: 40, ...change }, (event) => events.push(event));
  return { result, events };
}

const heldOut = (events: readonly StudioEvent[]): number[] =>
  events.flatMap((event) => (event.kind === 'heldOut' && event.model === 'student' ? [event.value.loss] : []));

test('compactors that explode end the run by the norm of a gradient that is still finite, with the untrained student', async () => {
  const { result } = await runOf('compactors', { compactorLearningRate: 1e3, compactorShare: 1, evaluateEvery: 40 });
  expect(result.fault).toMatch(
    /^run: loss is [\d.e+]+ at step \d+ \(gradient norm [\d.e+]+, usually [\d.e+]+\)\. Stopped before the update; the student is that of step 0\. Try a lower learning rate or a longer warm-up\.$/,
  );
  expect(result.stepsDone).toBeLessThan(5);
  expect(result.stopped).toBe(true);
  expect(result.trained).toEqual(result.untrained);
});

test('weights that explode end the run at the next look, and the best student of all looks is left', async () => {
  // Warm-up keeps the first steps small enough to be of use.
  const { result, events } = await runOf('weights', { polishLearningRate: 30, compactorShare: 0, evaluateEvery: 1, warmup: 1 });
  expect(result.fault).toMatch(/^run: (held-out loss|loss) is .* the student is that of step \d+\. Try a lower learning rate/);
  expect(result.stepsDone).toBeLessThan(40);
  const losses = heldOut(events);
  expect(result.trained.loss).toBe(Math.min(...losses));
});

test('an explosion that no look saw is found at the end', async () => {
  const { result } = await runOf('unseen', {
    polishLearningRate: 30,
    compactorShare: 0,
    evaluateEvery: 100,
    steps: 3,
    warmup: 0,
    warmupSteps: 1,
  });
  expect(result.fault).toMatch(/^run: (held-out loss|loss) is .* the student is that of step 0\. Try a lower learning rate/);
  expect(result.trained.loss).toBeLessThanOrEqual(result.untrained.loss);
});

test('a run that went on and diverged before its first look falls back to the student that it was kept with', async () => {
  const steps = { student: SMALL, steps: 16, evaluateEvery: 100, compactorShare: 0 };
  const first = await bench.open('kept');
  await first.session.start({ ...first.recipe, ...steps, polishLearningRate: 1e-3 }, stopAfter(first.session, 8));
  // From the next step on all masks are NaN for the loss; the weights stay those of the kept state.
  const makeEngine = async (): Promise<WasmEngine> => WasmEngine.create(2);
  const second = await bench.open(
    'kept',
    { makeEngine: async () => lateEngine(await makeEngine(), [], { poison: 1 }) },
    undefined,
    'webgpu',
  );
  const [waiting] = await second.session.unfinished();
  const result = await second.session.resumeRun(waiting?.run ?? '', () => {});
  expect(result.fault).toMatch(/^run: loss is NaN at step 8 .* the student is that of step 8\. Try/);
  expect(result.trained.loss).toBeLessThan(result.untrained.loss);
});

test.each(['paper', 'progressive'] as const)(
  '%s: the untrained student is told, not the model that is trained in its place',
  async (mode) => {
    const { result, events } = await runOf(`untrained ${mode}`, { mode, student: { ...SMALL, layers: 3 }, steps: 4, evaluateEvery: 2 });
    expect(heldOut(events)[0]).toBeCloseTo(result.teacher.loss, 4);
    expect(result.untrained.agreement).toBeLessThan(1);
    expect(result.untrained.loss).not.toBeCloseTo(result.teacher.loss, 2);
  },
);

test.each([
  ['progressive', { rampShare: 1, polishLearningRate: 30, warmup: 0, warmupSteps: 1 }],
  ['paper', {}],
] as const)('%s: an explosion that no look saw is found in the model that was trained', async (mode, change) => {
  const { session, recipe } = await bench.open(`whole ${mode}`);
  const paper = { ...recipe.paper, compactorLearningRate: 1, warmup: 0 };
  const settings = { ...recipe, student: SMALL, steps: 4, evaluateEvery: 100, mode, ...change, paper };
  const result = await session.start(settings, () => {});
  expect(result.fault).toMatch(/^run: (held-out loss|loss) is .*; the student is that of step 0\. Try/);
  expect(result).toMatchObject({ studentStep: 0, trained: result.untrained });
  // Nothing is dropped from the student of another step.
  expect(result.whole).toBeUndefined();
});

test('a student that was fallen back to is told and exported with what belongs to it', async () => {
  const { session, recipe } = await bench.open('together');
  const change = { student: SMALL, steps: 40, compactorLearningRate: 1e3, compactorShare: 1, evaluateEvery: 40 };
  const events: StudioEvent[] = [];
  const result = await session.start({ ...recipe, ...change }, (event) => events.push(event));
  expect(result).toMatchObject({ studentStep: 0, stepsDone: events.filter(({ kind }) => kind === 'step').length });
  expect(result.stepsDone).toBeGreaterThan(0);
  // One look a step and model, none of them at a step that it was not of.
  const looks = events.flatMap((event) => (event.kind === 'heldOut' ? [`${event.model} ${event.step}`] : []));
  expect(new Set(looks).size).toBe(looks.length);
  const { zip } = await session.exportStudent('student', () => {});
  const files = unzipSync(new Uint8Array(await zip.arrayBuffer()));
  expect(new TextDecoder().decode(files['student/README.md'])).toContain('after 0 of 40 steps');
  const { tensors } = readSafetensors(files['student/wid/compactors.safetensors'] ?? new Uint8Array());
  // Those of the next step lie around the rate's thousand.
  expect(Math.max(...[...tensors.values()].flatMap(({ data }) => [...data].map(Math.abs)))).toBeLessThan(100);
});

test('a run that was stopped and went on explodes at the same step, and falls back to nothing worse than what it was kept with', async () => {
  const change = { student: SMALL, steps: 60, polishLearningRate: 3, compactorShare: 0, evaluateEvery: 1 };
  const straight = await runOf('straight', change);
  expect(straight.result.fault).not.toBeNull();
  const first = await bench.open('went on');
  await first.session.start({ ...first.recipe, ...change }, stopAfter(first.session, 1));
  const second = await bench.open('went on');
  const [waiting] = await second.session.unfinished();
  const result = await second.session.resumeRun(waiting?.run ?? '', () => {});
  expect(result.stepsDone).toBe(straight.result.stepsDone);
  expect(result.studentStep).toBe(straight.result.studentStep);
  expect(result.trained).toEqual(straight.result.trained);
});

test('a run that ends worse than it began offers its start, also if it was stopped and went on without one at hand', async () => {
  // Far too high a rate, without an explosion.
  const change = { student: SMALL, steps: 3, polishLearningRate: 0.75, compactorShare: 0, evaluateEvery: 100, warmup: 0, warmupSteps: 1 };
  const { result } = await runOf('worse', change);
  expect(result).toMatchObject({ fault: null, stopped: false, stepsDone: 3, studentStep: 0, trained: result.untrained });
  const whole = await bench.open('worse');
  const left = async ({ store }: typeof whole): Promise<unknown> => store.student((await store.known())[0]?.run ?? '');

  const goOn = async (until: number): Promise<RunResult> => {
    const { session } = await bench.open('worse, went on');
    const [waiting] = await session.unfinished();
    return session.resumeRun(waiting?.run ?? '', stopAfter(session, until));
  };
  const first = await bench.open('worse, went on');
  await first.session.start({ ...first.recipe, ...change }, stopAfter(first.session, 1));
  // Stopped without a start at hand, it calibrates nothing and leaves what it has reached.
  expect((await goOn(2)).stopped).toBe(true);
  const again = await goOn(Infinity);
  expect(again).toMatchObject({ fault: null, stepsDone: 3, studentStep: 0, trained: result.trained, untrained: result.untrained });
  expect(await left(await bench.open('worse, went on'))).toEqual(await left(whole));
});

test("a run of one step moves its weights by a tenth of the peak rate: Adam's first update is its sign", async () => {
  const one = async (warmupSteps: number): Promise<number> => {
    const change = { steps: 1, polishLearningRate: 1e-3, compactorShare: 0, evaluateEvery: 100, weightDecay: 0, warmupSteps };
    const { events } = await runOf(`one step ${warmupSteps}`, change);
    return events.flatMap((event) => (event.kind === 'step' ? [event.learningRate] : []))[0] ?? 0;
  };
  expect(await one(10)).toBeCloseTo(1e-4, 12);
  // As runs that were stored before warm-up had a floor.
  expect(await one(1)).toBeCloseTo(1e-3, 12);
});
