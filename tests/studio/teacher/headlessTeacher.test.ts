import { readFileSync } from 'node:fs';
import { unzipSync } from 'fflate';
import { expect, test } from 'vitest';
import { createSession } from '../../../src/studio/session.ts';
import type { GivenFile } from '../../../src/studio/api/files.ts';
import { headBatches } from '../../../src/studio/teacher/headedTeacher.ts';
import type { MaskedBatch } from '../../../src/text/maskedBatch.ts';
import { createTokenizer } from '../../../src/text/tokenizer.ts';
import { goldenTeacher } from '../../golden/load.ts';
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
  const fitting = events.flatMap((event) => (event.kind === 'progress' && event.stage === stages[0] ? [event] : []));
  expect(fitting.at(-1)?.done).toBe(fitting.at(-1)?.total);
  // Reading and training are not all: the solve, the guess by frequency and every gain are told too.
  expect(fitting.length).toBeGreaterThan(150 + 8);
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

test.each([3, 40, 5000])('the sequences that judge a head are none of those it is fitted on, of %i in all', async (rows) => {
  const vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...Array.from({ length: rows }, (_, i) => `w${i}`)].join('\n');
  const tokenizer = createTokenizer({ vocabulary });
  // Every sequence is one word over and over, so that a batch shows which sequences are in it.
  const train = Int32Array.from({ length: 16 * rows }, (_, i) => (i % 16 === 0 ? 2 : i % 16 === 15 ? 3 : 5 + Math.floor(i / 16)));
  const { fitted, judged } = headBatches({ tokenizer, model: goldenTeacher() }, { sequence: 16, train, heldOut: train.subarray(0, 16) });
  const labels = (batches: readonly MaskedBatch[]): Set<number> =>
    new Set(batches.flatMap((batch) => [...batch.labels].filter((id) => id >= 5)));
  const [ours, theirs] = [labels(fitted), labels(judged)];
  expect(ours.size).toBeGreaterThan(1);
  expect(theirs.size).toBeGreaterThan(0);
  expect([...theirs].filter((word) => ours.has(word))).toEqual([]);
});
