import { expect, test } from 'vitest';
import type { RunState } from '../../../src/studio/runs/runState.ts';
import { Gate } from '../../../src/studio/session/gate.ts';
import { RunBench } from './runBench.ts';

const bench = new RunBench();

test('a state is kept every so many steps, less often where it is large beside them, and at once when it is asked for', async () => {
  const { session, store, recipe } = await bench.open('pace');
  await session.start(recipe, (event) => {
    if (event.kind === 'step' && event.step === 1) void session.stop();
  });
  const [run = ''] = await store.runs();
  const kept = (await store.load(run))?.state;
  if (kept === undefined) throw new Error('no checkpoint');
  const data = new Float32Array(250_000);
  // A million bytes at 100,000 a second: not sooner than after 10 seconds.
  const state: RunState = { ...kept, tensors: new Map([['large', { shape: [data.length], data }]]), compactors: new Map() };
  let now = 0;
  const steps: number[] = [];
  const gate = new Gate(
    () => Promise.resolve(),
    { keepEvery: 4, keepRate: 100_000 },
    () => now,
    () => Promise.resolve(),
  );
  const walk = async (from: number, to: number): Promise<void> => {
    for (let step = from; step <= to; step++) {
      now += 1000;
      if (!(await gate.wantsState(step))) continue;
      steps.push(step);
      await gate.keep(state);
    }
  };
  await walk(1, 23);
  // The one of step 8 came due too soon, and is kept when its time has come.
  expect(steps).toEqual([4, 14]);
  gate.ask();
  await walk(24, 25);
  expect(steps).toEqual([4, 14, 24]);
});
