import { expect, test } from 'vitest';
import { DeviceLostError } from '../../../src/engines/deviceLost.ts';
import type { Program } from '../../../src/engines/engine.ts';
import { WasmEngine } from '../../../src/engines/wasm/wasmEngine.ts';
import type { Plan } from '../../../src/graph/plan.ts';
import { createSession } from '../../../src/studio/session.ts';
import type { EngineMaker } from '../../../src/studio/session/makeEngine.ts';
import { ChosenEngine } from '../../../src/studio/session/chosenEngine.ts';
import type { EngineReport } from '../../../src/studio/api/engine.ts';
import type { StudioEvent } from '../../../src/studio/api/run.ts';
import { RunBench, TEACHER, TEXT } from './runBench.ts';

const bench = new RunBench();

/** The CPU engine until its device is taken away: from then on every program rejects, as a lost GPU's do, reads on their way too. */
class Frail extends ChosenEngine {
  readonly #name: string;
  lost = false;

  constructor(engine: WasmEngine, name: string) {
    super(engine, {});
    this.#name = name;
  }

  override describe(): EngineReport {
    return { ...super.describe(), name: this.#name };
  }

  override async compile(plan: Plan): Promise<Program> {
    const need = (): void => {
      if (this.lost) throw new DeviceLostError('webgpu: the device was lost (a test took it away).');
    };
    need();
    const program = await super.compile(plan);
    return {
      ahead: 1,
      write: (name, data) => program.write(name, data),
      run: async () => {
        need();
        await program.run();
      },
      read: async (name) => {
        need();
        const data = await program.read(name);
        await new Promise<void>((resolve) => setTimeout(resolve, 0));
        need();
        return data;
      },
      readIntegers: async (name) => {
        need();
        return program.readIntegers(name);
      },
      dispose: () => program.dispose(),
    };
  }
}

/** Makes {@link Frail} engines for any choice but `cpu`, `most` of them; then there is no device any more. */
function frailEngines(most: number): { readonly makeEngine: EngineMaker; readonly made: Frail[] } {
  const made: Frail[] = [];
  return {
    made,
    makeEngine: async (choice) => {
      const engine = await WasmEngine.create(2);
      if (choice === 'cpu') return engine;
      if (made.length >= most) throw new Error('no adapter');
      const frail = new Frail(engine, `gpu ${made.length + 1}`);
      made.push(frail);
      return frail;
    },
  };
}

const losses = (events: readonly StudioEvent[]): Map<number, number> =>
  new Map(events.flatMap((event) => (event.kind === 'step' ? [[event.step, event.loss]] : [])));

test.each([
  ['before the first checkpoint', [1], 2, 'gpu 2'],
  ['between checkpoints', [5], 2, 'gpu 2'],
  ['twice', [5, 9], 3, 'gpu 3'],
  ['and there is no other', [5], 1, 'cpu'],
])('a device lost %s is replaced, and the numbers are those of a run that never lost one', async (what, at, devices, last) => {
  const whole = await bench.open(`straight ${what}`);
  const straight: StudioEvent[] = [];
  const wanted = await whole.session.start(whole.recipe, (event) => straight.push(event));

  const { makeEngine, made } = frailEngines(devices);
  const { session, recipe } = await bench.open(`lost ${what}`, { makeEngine, keepEvery: 2 }, undefined, 'webgpu');
  const events: StudioEvent[] = [];
  const left = [...at];
  const result = await session.start(recipe, (event) => {
    events.push(event);
    if (event.kind !== 'step' || event.step !== left[0]) return;
    left.shift();
    for (const engine of made) engine.lost = true;
  });
  const changes = events.flatMap((event) => (event.kind === 'engineChanged' ? [event] : []));
  expect(changes).toHaveLength(at.length);
  expect(changes.at(-1)?.engine.name).toBe(last);
  expect(changes.at(-1)?.reason).toContain('the device was lost');
  // Steps since the last checkpoint are done again, with the same losses.
  for (const { step } of changes) expect(step % 2).toBe(0);
  expect(losses(events)).toEqual(losses(straight));
  expect({ ...result, seconds: 0 }).toEqual({ ...wanted, seconds: 0 });
  const [run] = await session.runs();
  expect(run?.engine).toContain(last);
  expect(losses(await session.runEvents(run?.run ?? ''))).toEqual(losses(straight));
});

test('a session without a store goes on from memory', async () => {
  const { makeEngine, made } = frailEngines(2);
  const session = createSession(undefined, { makeEngine, keepEvery: 2, keepRate: Infinity });
  await session.engine('webgpu');
  await session.loadTeacher('golden', TEACHER);
  await session.loadText('prose', TEXT, { sequence: 32, seed: 1 });
  const recipe = { ...(await session.defaults()), steps: 8, batch: 4, sequence: 32, calibrationTokens: 500, evaluateEvery: 8 };
  const steps: number[] = [];
  const result = await session.start(recipe, (event) => {
    if (event.kind !== 'step') return;
    steps.push(event.step);
    if (event.step === 5 && steps.length === 5) for (const engine of made) engine.lost = true;
  });
  expect(steps).toEqual([1, 2, 3, 4, 5, 5, 6, 7, 8]);
  expect(result).toMatchObject({ stepsDone: 8, stopped: false });
});

test('a device that is lost again and again gives way to the CPU, which is told', async () => {
  const { makeEngine, made } = frailEngines(10);
  const { session, recipe } = await bench.open('again', { makeEngine, keepEvery: 100 }, undefined, 'webgpu');
  const names: string[] = [];
  const result = await session.start(recipe, (event) => {
    if (event.kind === 'engineChanged') names.push(event.engine.name);
    if (event.kind === 'step' && event.step === 2) for (const engine of made) engine.lost = true;
  });
  expect(names).toEqual(['gpu 2', 'cpu']);
  expect(result).toMatchObject({ stepsDone: 12, stopped: false });
});

test('a comparison whose device is lost is made on another one', async () => {
  const { makeEngine, made } = frailEngines(2);
  const { session, recipe } = await bench.open('judging', { makeEngine }, undefined, 'webgpu');
  await session.start(recipe, () => {});
  const before = await session.attention('the cat', 0, 1);
  for (const engine of made) engine.lost = true;
  expect(await session.attention('the cat', 0, 1)).toEqual(before);
});
