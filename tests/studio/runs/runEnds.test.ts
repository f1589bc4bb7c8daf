import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createSession } from '../../../src/studio/session.ts';
import type { GivenFile } from '../../../src/studio/api/files.ts';

const CHECKPOINT = new URL('../../golden/checkpoints/safetensors/', import.meta.url);
const FILES: GivenFile[] = ['config.json', 'model.safetensors', 'vocab.txt'].map((path) => ({
  path,
  bytes: new Uint8Array(readFileSync(new URL(path, CHECKPOINT))),
}));
const PROSE = new URL('../../../public/demo/prose/a1.txt', import.meta.url);

test('a stop during calibration is heard before the first step, and another run can start', async () => {
  const session = createSession();
  await session.engine('cpu', 1);
  await session.loadTeacher('golden', FILES);
  await session.loadText('prose', [{ path: 'a1.txt', bytes: new Uint8Array(readFileSync(PROSE)) }], { sequence: 32, seed: 1 });
  // So many tokens that calibration takes seconds and gives way several times.
  const recipe = { ...(await session.defaults()), steps: 1, batch: 4, sequence: 32, calibrationTokens: 400_000 };
  const stages = new Set<string>();
  const run = session.start(recipe, (event) => {
    if (event.kind === 'progress') stages.add(event.stage);
    if (event.kind === 'progress' && event.done === 1) setTimeout(() => void session.stop(), 0);
  });
  await expect(run).rejects.toMatchObject({ code: 'stopped' });
  expect([...stages]).toEqual(['Reading the teacher']);
  const result = await session.start({ ...recipe, calibrationTokens: 500 }, () => {});
  expect(result.stepsDone).toBe(1);
});

test('a run that diverges ends with the last good student, in its second phase too, and says what to try', async () => {
  const session = createSession();
  await session.engine('cpu', 1);
  await session.loadTeacher('golden', FILES);
  await session.loadText('prose', [{ path: 'a1.txt', bytes: new Uint8Array(readFileSync(PROSE)) }], { sequence: 32, seed: 1 });
  const recipe = { ...(await session.defaults()), steps: 12, batch: 4, sequence: 32, calibrationTokens: 500, warmup: 0, warmupSteps: 1 };
  const looks: number[] = [];
  const result = await session.start({ ...recipe, compactorShare: 0.5, polishLearningRate: 1e30 }, (event) => {
    if (event.kind === 'heldOut' && event.model === 'student') looks.push(event.value.loss);
  });
  expect(result.fault).toMatch(/^run: loss is (NaN|Infinity) at step 7 .*Try a lower learning rate/);
  // The look at step 5 was the last good one; what step 7 left is finite but worthless.
  expect(result.trained.loss).toBe(looks[1]);
  expect(result.trained.loss).toBeLessThan(10);
  expect(result.stopped).toBe(true);
});

test('distillation of hidden states trains, and leaves a student without its projection', async () => {
  const session = createSession();
  await session.engine('cpu', 1);
  await session.loadTeacher('golden', FILES);
  await session.loadText('prose', [{ path: 'a1.txt', bytes: new Uint8Array(readFileSync(PROSE)) }], { sequence: 32, seed: 1 });
  const small = { steps: 8, batch: 4, sequence: 32, calibrationTokens: 500 };
  // Half from the text: this teacher knows no language, and following it alone does not lower the loss.
  const share = { distillationShare: 0.5, distillationTemperature: 2 };
  const recipe = { ...(await session.defaults()), ...small, ...share, mode: 'distil' as const, start: 'selection' as const };
  const run = async (distillationHidden: number) => session.start({ ...recipe, distillationHidden, polishLearningRate: 1e-3 }, () => {});
  const [without, withHidden] = [await run(0), await run(1)];
  expect(withHidden.untrained).toEqual(without.untrained);
  expect(withHidden.trained.loss).not.toBe(without.trained.loss);
  expect(withHidden.trained.loss).toBeLessThan(withHidden.untrained.loss);
});
