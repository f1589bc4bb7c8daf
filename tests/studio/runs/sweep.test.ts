import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RunBench, stopAfter } from './runBench.ts';

const bench = new RunBench();

test('what writes that were cut off left is removed when runs are listed, except of a run that somebody writes', async () => {
  const { session, store, folder, recipe } = await bench.open('sweep');
  await session.start(recipe, stopAfter(session, 2));
  const whole = readdirSync(folder);
  const lease = await store.hold('run-held');
  for (const name of ['run-gone.000000001.ckpt.part', `${whole[0] ?? ''}.part`, 'run-held.000000007.ckpt.part'])
    writeFileSync(join(folder, name), 'cut');
  const later = await bench.open('sweep');
  expect((await later.session.runs()).map(({ done }) => done)).toEqual([2]);
  expect(readdirSync(folder).toSorted()).toEqual([...whole, 'run-held.000000007.ckpt.part', 'run-held.lock'].toSorted());
  await lease.release();
});
