import { readFileSync } from 'node:fs';
import { unzipSync } from 'fflate';
import { expect, test } from 'vitest';
import { createSession } from '../../../src/studio/session.ts';
import type { GivenFile } from '../../../src/studio/api/files.ts';
import type { StudioEvent } from '../../../src/studio/api/run.ts';

const ENCODER = new URL('../../golden/checkpoints/encoder-only/', import.meta.url);
const FILES: GivenFile[] = ['config.json', 'model.safetensors', 'vocab.txt'].map((path) => ({
  path,
  bytes: new Uint8Array(readFileSync(new URL(path, ENCODER))),
}));
const PROSE = new URL('../../../public/demo/prose/a1.txt', import.meta.url);
const TEXT: GivenFile[] = [{ path: 'a1.txt', bytes: new Uint8Array(readFileSync(PROSE)) }];

test('an encoder without a head gets one fitted on the text, trains, fills masks, and its student says so', async () => {
  const session = createSession();
  await session.engine('cpu', 1);
  await session.loadTeacher('bare', FILES);
  await session.loadText('prose', TEXT, { sequence: 32, seed: 1 });
  const recipe = { ...(await session.defaults()), steps: 2, batch: 4, sequence: 32, calibrationTokens: 500 };
  const events: StudioEvent[] = [];
  const first = await session.start(recipe, (event) => events.push(event));
  const stages = events.flatMap((event) => (event.kind === 'progress' ? [event.stage] : []));
  expect(stages[0]).toBe('Fitting a head to the encoder');
  expect(first.stepsDone).toBe(2);

  // The head is kept for the next run on the same text, and another session fits the very same one.
  const again: string[] = [];
  const second = await session.start(recipe, (event) => {
    if (event.kind === 'progress') again.push(event.stage);
  });
  expect(again).not.toContain('Fitting a head to the encoder');
  expect(second.teacher).toEqual(first.teacher);
  const other = createSession();
  await other.engine('cpu', 2);
  await other.loadTeacher('bare', FILES);
  await other.loadText('prose', TEXT, { sequence: 32, seed: 1 });
  const { teacher } = await other.evaluate(undefined, 4, 1);
  expect(teacher).toEqual(first.teacher);

  expect((await session.fillMask('the [MASK]')).teacher.length).toBeGreaterThan(0);
  const { zip } = await session.exportStudent('student', () => {});
  const card = new TextDecoder().decode(unzipSync(new Uint8Array(await zip.arrayBuffer()))['student/README.md']);
  const said =
    /had no head for masked words\..* fitted to it on (\d+) masked tokens .* on (\d+) others it reaches loss ([\d.]+) .* after ([\d.]+) by least squares alone and ([\d.]+) by word frequency/.exec(
      card,
    );
  const [, fitted = 0, judged = 0, loss = 0, start = 0, frequency = 0] = (said ?? []).map(Number);
  expect(fitted).toBeGreaterThan(judged);
  expect(judged).toBeGreaterThan(50);
  expect(loss).toBeLessThanOrEqual(start);
  // This encoder's weights are random: least squares find nothing in it, and must not do harm.
  expect(start).toBeLessThan(1.02 * frequency);
});
