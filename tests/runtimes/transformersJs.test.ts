import { env, pipeline } from '@huggingface/transformers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { exportFolder } from '../../src/studio/exporting/exportFolder.ts';
import { sentenceIds } from '../../src/studio/comparison/sentenceCompare.ts';
import { exportStudent, exportTeacher, studentJob } from '../../src/studio/exporting/studentExport.ts';
import { engineAnswer, engineLogits } from '../../src/studio/verification/engineAnswer.ts';
import type { Teacher } from '../../src/studio/teacher/teacher.ts';
import { finishedWith, givenTeacher, teacherOfWords, variant } from '../studio/exporting/exportFixture.ts';
import { DEMO_TEACHER, Shelf, teacherIn } from './folders.ts';

interface Guess {
  readonly token: number;
  readonly score: number;
}

const shelf = new Shelf();
const engine = await WasmEngine.create(1);
const quiet = { latency: false } as const;

beforeAll(() => {
  env.localModelPath = shelf.path;
  env.allowRemoteModels = false;
});
afterAll(() => {
  engine.dispose();
  shelf.remove();
});

/** The pipeline's five best words, as Hugging Face's library finds them with nothing but the folder. */
async function filled(folder: string, dtype: 'fp32' | 'q8' | 'fp16' | 'q4', sentence: string): Promise<Guess[]> {
  const fill = await pipeline('fill-mask', folder, { dtype, local_files_only: true });
  try {
    const found: unknown = await fill(sentence);
    if (!Array.isArray(found)) throw new TypeError('fill-mask: expected a list of guesses');
    return found.map((guess: unknown) => {
      if (typeof guess !== 'object' || guess === null || !('token' in guess) || !('score' in guess)) throw new TypeError('not a guess');
      return { token: Number(guess.token), score: Number(guess.score) };
    });
  } finally {
    await fill.dispose();
  }
}

/** The engine's five best words for the first [MASK]. */
async function expected({ tokenizer, model }: Teacher, sentence: string): Promise<Guess[]> {
  const ids = sentenceIds(sentence, tokenizer, model.config.maxPositions);
  const at = ids.indexOf(tokenizer.special.mask);
  const logits = await engineLogits(engine, model, ids, new Uint8Array(ids.length).fill(1), 1, ids.length);
  const row = logits.subarray(at * model.config.vocabSize, (at + 1) * model.config.vocabSize);
  const most = row.reduce((best, value) => Math.max(best, value), -Infinity);
  const sum = row.reduce((total, value) => total + Math.exp(value - most), 0);
  return Array.from(row, (logit, token) => ({ token, score: Math.exp(logit - most) / sum }))
    .toSorted((a, b) => b.score - a.score)
    .slice(0, 5);
}

function near(got: readonly Guess[], wanted: readonly Guess[], tolerance: number): void {
  expect(got.map(({ token }) => token)).toEqual(wanted.map(({ token }) => token));
  for (const [i, { score }] of wanted.entries()) expect(Math.abs((got[i]?.score ?? Number.NaN) - score)).toBeLessThan(tolerance);
}

describe('transformers.js fills masks as the engine does, from local files alone', () => {
  const sentences = ['She opened the [MASK] and went out.', 'The old man went down to the [MASK].', 'He [MASK] nothing.'];

  test('the demo teacher in fp32, fp16, q8 and q4', async () => {
    const teacher = await teacherIn(DEMO_TEACHER, 'demo');
    await shelf.put(await exportTeacher(engine, teacher, 'demo', () => undefined, { ...quiet, fp16: true, q4: true }));
    for (const sentence of sentences) {
      const wanted = await expected(teacher, sentence);
      near(await filled('demo', 'fp32', sentence), wanted, 1e-4);
      near(await filled('demo', 'fp16', sentence), wanted, 1e-2);
      // Bytes move probabilities by a few per cent, and may swap words that are nearly as likely.
      const quantized = await filled('demo', 'q8', sentence);
      expect(quantized[0]?.token).toBe(wanted[0]?.token);
      for (const { token, score } of quantized) {
        const same = wanted.find((guess) => guess.token === token);
        if (same !== undefined) expect(Math.abs(score - same.score)).toBeLessThan(0.1);
      }
      // Four bits keep the likeliest word among the likeliest.
      expect((await filled('demo', 'q4', sentence)).map(({ token }) => token)).toContain(wanted[0]?.token);
    }
  });

  test('a student whose weights lie beside its ONNX files', async () => {
    const teacher = givenTeacher();
    const model = variant({});
    await shelf.put(
      await exportFolder(studentJob(engine, teacher, finishedWith(model), 'beside'), () => undefined, quiet, { dataLimit: 20_000 }),
    );
    const sentence = 'the cat [MASK] running.';
    near(await filled('beside', 'fp32', sentence), await expected({ ...teacher, model }, sentence), 1e-4);
    expect(await filled('beside', 'q8', sentence)).toHaveLength(5);
  });

  test('a student of whole words', async () => {
    const teacher = teacherOfWords();
    const model = variant({});
    await shelf.put(await exportStudent(engine, teacher, finishedWith(model), 'words', () => undefined, quiet));
    const sentence = 'The old man C(=O)O [MASK] sea.';
    const ids = sentenceIds(sentence, teacher.tokenizer, 40);
    expect([...ids]).not.toContain(teacher.tokenizer.special.unknown);
    near(await filled('words', 'fp32', sentence), await expected({ ...teacher, model }, sentence), 1e-4);
  });

  test.each([true, false])('a student with a decoder that is tied: %s, its tokenizer made from vocab.txt', async (tieWordEmbeddings) => {
    const teacher = givenTeacher();
    const model = variant({ tieWordEmbeddings });
    const name = `student-${tieWordEmbeddings ? 'tied' : 'untied'}`;
    await shelf.put(await exportStudent(engine, teacher, finishedWith(model), name, () => undefined, quiet));
    for (const sentence of ['the cat [MASK] running.', 'a [MASK] b c']) {
      const wanted = await expected({ ...teacher, model }, sentence);
      near(await filled(name, 'fp32', sentence), wanted, 1e-4);
      expect((await filled(name, 'q8', sentence)).map(({ token }) => token)).toContain(wanted[0]?.token);
    }
  });
});

test('a student that left as an encoder gives the vectors of the engine, in fp32 and q8', async () => {
  const teacher = await teacherIn(DEMO_TEACHER, 'demo');
  const options = { ...quiet, outputs: 'last_hidden_state' } as const;
  await shelf.put(await exportStudent(engine, teacher, finishedWith(teacher.model), 'vectors', () => undefined, options));
  const sentence = 'The old man went down to the sea.';
  const ids = sentenceIds(sentence, teacher.tokenizer, 40);
  const attention = new Uint8Array(ids.length).fill(1);
  const batch = { batch: 1, length: ids.length, ids, attention, types: new Int32Array(ids.length) };
  const wanted = (await engineAnswer(engine, teacher.model, batch, 'answer')).get('last_hidden_state') ?? new Float32Array();
  const spread = Math.sqrt(wanted.reduce((sum, value) => sum + value * value, 0) / wanted.length);
  // Of the vectors' own spread; int8 as its file is judged.
  for (const [dtype, most] of [['fp32', 1e-4] as const, ['q8', 0.25] as const]) {
    const extract = await pipeline('feature-extraction', 'vectors', { dtype, local_files_only: true });
    const { dims, data } = await extract(sentence);
    await extract.dispose();
    expect(dims).toEqual([1, ids.length, teacher.model.config.hiddenSize]);
    const squares = wanted.reduce((sum, value, i) => sum + (value - Number(data[i])) ** 2, 0);
    expect(Math.sqrt(squares / wanted.length) / spread, dtype).toBeLessThan(most);
  }
});

test('an encoder without a head gives its hidden states', async () => {
  const teacher = await teacherIn(new URL('../golden/checkpoints/encoder-only/', import.meta.url), 'encoder');
  const exported = await exportTeacher(engine, teacher, 'encoder', () => undefined, quiet);
  expect(exported.onnx.map(({ withheld }) => withheld)).toEqual([null, null]);
  await shelf.put(exported);
  const extract = await pipeline('feature-extraction', 'encoder', { dtype: 'fp32', local_files_only: true });
  const { dims, data } = await extract('the cat.');
  await extract.dispose();
  expect(dims.at(-1)).toBe(teacher.model.config.hiddenSize);
  expect(data.every((value: unknown) => Number.isFinite(value))).toBe(true);
});
