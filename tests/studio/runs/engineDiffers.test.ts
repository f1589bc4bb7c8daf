import { expect, test } from 'vitest';
import type { Engine, Program } from '../../../src/engines/engine.ts';
import { WasmEngine } from '../../../src/engines/wasm/wasmEngine.ts';
import type { Plan } from '../../../src/graph/plan.ts';
import { ChosenEngine } from '../../../src/studio/session/chosenEngine.ts';
import type { EngineReport } from '../../../src/studio/api/engine.ts';
import type { StudioEvent } from '../../../src/studio/api/run.ts';
import { RunBench, stopAfter } from './runBench.ts';

const bench = new RunBench();

/** The CPU engine under another name, which says that it has kernels as soon as a program was compiled. */
class Named extends ChosenEngine {
  readonly #detail: string;
  readonly #measured: ReadonlyMap<string, string>;
  #kernels: ReadonlyMap<string, string> | undefined;

  constructor(engine: WasmEngine, detail: string, measured: ReadonlyMap<string, string>) {
    super(engine, {});
    this.#detail = detail;
    this.#measured = measured;
  }

  override get kernels(): ReadonlyMap<string, string> | undefined {
    return this.#kernels;
  }

  override describe(): EngineReport {
    return { name: 'webgpu', detail: this.#detail, threads: 1 };
  }

  override async compile(plan: Plan): Promise<Program> {
    const program = await super.compile(plan);
    this.#kernels = this.#measured;
    return program;
  }
}

/** A session over the runs of `name`. */
async function opened(name: string, detail: string, kernels: Readonly<Record<string, string>>): ReturnType<RunBench['open']> {
  const makeEngine = async (): Promise<Engine> => new Named(await WasmEngine.create(2), detail, new Map(Object.entries(kernels)));
  return bench.open(name, { makeEngine }, undefined, 'webgpu');
}

const KEPT = 'a GPU, measured kernels';
const KERNELS = { first: 'a', second: 'b' };

test.each([
  ['the same', KEPT, KERNELS, []],
  ['another product only', KEPT, { third: 'c' }, []],
  [
    'other kernels',
    KEPT,
    { first: 'a', second: 'c', third: 'd' },
    [/other measured kernels — expected .*, got others for 1 of 2 matrix products\./],
  ],
  ['kernels that are not measured', 'a GPU', {}, [/another engine — expected webgpu \(a GPU, measured kernels\), got webgpu \(a GPU\)\./]],
])('a run that goes on with %s is told about what differs', async (what, detail, kernels, told) => {
  const before = await opened(what, KEPT, KERNELS);
  await before.session.start(before.recipe, stopAfter(before.session, 5));
  const [kept] = await before.store.known();
  const run = kept?.run ?? '';
  expect(await before.store.record(run)).toMatchObject({ engine: `webgpu (${KEPT})`, kernels: KERNELS });

  const after = await opened(what, detail, kernels);
  const events: StudioEvent[] = [];
  await after.session.resumeRun(run, (event) => events.push(event));
  const differs = events.flatMap((event) => (event.kind === 'engineDiffers' ? [event] : []));
  expect(differs.map(({ step, engine }) => [step, engine.detail])).toEqual(told.map(() => [5, detail]));
  for (const [i, words] of told.entries()) expect(differs[i]?.reason).toMatch(words);
  const record = await after.store.record(run);
  expect(record?.engine).toBe(`webgpu (${detail})`);
  // What the kept steps had, as far as the engine is the same, and what the new ones brought.
  expect(record?.kernels).toEqual(detail === KEPT ? { ...KERNELS, ...kernels } : kernels);
});

test('a new run is told of no difference', async () => {
  const { session, recipe } = await opened('new', KEPT, KERNELS);
  const kinds = new Set<string>();
  await session.start({ ...recipe, steps: 2 }, ({ kind }) => kinds.add(kind));
  expect(kinds).toContain('step');
  expect(kinds).not.toContain('engineDiffers');
});
