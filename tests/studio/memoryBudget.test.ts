import { expect, test } from 'vitest';
import type { Engine } from '../../src/engines/engine.ts';
import { OutOfMemoryError } from '../../src/engines/outOfMemory.ts';
import { WasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { ChosenEngine } from '../../src/studio/session/chosenEngine.ts';
import { StudioError } from '../../src/tensor/studioError.ts';
import { sizeInWords } from '../../src/tensor/bytes.ts';
import { RunBench, stopAfter } from './runs/runBench.ts';

const bench = new RunBench();
const SMALL = { layers: 2, hiddenSize: 12, heads: 3, headSize: 4, intermediateSize: 20 };

/** The CPU engine under the name of a GPU's; the one at hand is a software one, which `auto` would not take. */
class NamedGpu extends ChosenEngine {
  override describe(): ReturnType<ChosenEngine['describe']> {
    return { ...super.describe(), name: 'webgpu' };
  }
}

/** @param refuse whether it has no room for any program */
async function gpu(refuse = false): Promise<Engine> {
  const engine = new NamedGpu(await WasmEngine.create(2), {});
  if (refuse)
    engine.compile = () => Promise.reject(new OutOfMemoryError('webgpu: buffer slab 1 of 2, 512 MB — out of memory.', { bytes: 1 }));
  return engine;
}

async function errorOf(work: Promise<unknown>): Promise<StudioError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof StudioError)) throw new Error(`expected a StudioError, got ${String(error)}`);
  return error;
}

test('a GPU is not given more than its budget before the user was asked, who hears what would lower it', async () => {
  const { session, recipe } = await bench.open('budget', { makeEngine: () => gpu(), gpuBudget: () => 1000 });
  const small = { ...recipe, student: SMALL, steps: 4 };
  const costs = await session.stepCosts(small);
  const planned = Math.max(...costs.map(({ bytes }) => bytes));
  const error = await errorOf(session.start(small, () => {}));
  expect(error.code).toBe('memory-budget');
  expect(error.details).toEqual({ planned, budget: 1000 });
  expect(error.message).toContain(`got ${sizeInWords(planned)}`);
  // Each is named with what the changed recipe takes by its own plan.
  const batch = Math.max(...(await session.stepCosts({ ...small, batch: 1 })).map(({ bytes }) => bytes));
  expect(batch).toBeLessThan(planned);
  expect(error.message).toContain(`Batch 1 (${sizeInWords(batch)})`);
  // Nothing was begun: the session is free, and the same recipe starts if the user says so.
  const result = await session.start(small, stopAfter(session, 1), { beyondMemory: true });
  expect(result.stepsDone).toBeGreaterThan(0);
});

test('within its budget nothing is asked, and nothing ever on the CPU engine, which knows its limit', async () => {
  const roomy = await bench.open('roomy', { makeEngine: () => gpu(), gpuBudget: () => 2 ** 32 });
  const small = { ...roomy.recipe, student: SMALL, steps: 2 };
  expect((await roomy.session.start(small, () => {})).stepsDone).toBe(2);
  const cpu = await bench.open('cpu', { makeEngine: () => WasmEngine.create(2), gpuBudget: () => 1 });
  expect((await cpu.session.start(small, () => {})).stepsDone).toBe(2);
});

test('a GPU that has no room says what would take less', async () => {
  const { session, recipe } = await bench.open('full', { makeEngine: () => gpu(true), gpuBudget: () => 2 ** 32 });
  const error = await errorOf(session.start({ ...recipe, student: SMALL, steps: 2 }, () => {}));
  expect(error).toBeInstanceOf(OutOfMemoryError);
  expect(error.message).toMatch(
    /^webgpu: buffer slab 1 of 2, 512 MB — out of memory\. A step of this recipe takes .* What lowers it most: /,
  );
});
