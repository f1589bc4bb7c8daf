import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ReferenceEngine } from '../../../src/engines/reference/referenceEngine.ts';
import type { GivenFile } from '../../../src/studio/api/files.ts';
import { cutTeacher } from '../../../src/studio/teacher/cutTeacher.ts';
import { readTeacher } from '../../../src/studio/teacher/teacher.ts';
import { engineAnswer } from '../../../src/studio/verification/engineAnswer.ts';
import { createSession } from '../../../src/studio/session.ts';
import { buildCorpus } from '../../../src/text/corpus.ts';

const filesOf = (folder: string): GivenFile[] =>
  readdirSync(folder).map((path) => ({ path, bytes: new Uint8Array(readFileSync(`${folder}/${path}`)) }));
const FILES = filesOf('public/demo/teacher');
const TEXT = filesOf('public/demo/prose');

test('of a cut teacher hidden states are the same, and logits those of the words that stay', async () => {
  const whole = await readTeacher('demo', FILES);
  const texts = TEXT.map(({ path, bytes }) => ({
    name: path,
    text: new TextDecoder().decode(bytes instanceof Uint8Array ? bytes : new Uint8Array()),
  }));
  const corpus = await buildCorpus(texts, whole.tokenizer, { sequence: 64, seed: 1 });
  const cut = cutTeacher(whole, corpus, 2000);
  expect(cut.model.config.vocabSize).toBe(2000);
  expect(cut.report.parameters).toBeLessThan(whole.report.parameters);
  expect(cut.report.notes.at(-1)).toMatch(/^The vocabulary was cut from [\d,]+ tokens to 2,000, which saves [\d.]+ MB\./);

  const sentence = 'the night was [MASK] and the man went home';
  const ids = [whole, cut].map(({ tokenizer }) => {
    const { classify, separate } = tokenizer.special;
    return [classify].concat(tokenizer.encode(sentence), separate);
  });
  expect(ids[1]?.map((id) => cut.tokenizer.token(id))).toEqual(ids[0]?.map((id) => whole.tokenizer.token(id)));
  const [before, after] = await Promise.all(
    [whole, cut].map(({ model }, at) => {
      const length = ids[at]?.length ?? 0;
      const batch = {
        batch: 1,
        length,
        ids: Int32Array.from(ids[at] ?? []),
        types: new Int32Array(length),
        attention: new Uint8Array(length).fill(1),
      };
      return engineAnswer(new ReferenceEngine(), model, batch, 'answer');
    }),
  );
  expect(after?.get('last_hidden_state')).toEqual(before?.get('last_hidden_state'));
  const old = new Map(Array.from({ length: whole.model.config.vocabSize }, (_, id) => [whole.tokenizer.token(id), id]));
  const logits = after?.get('logits') ?? new Float32Array();
  expect(logits).toHaveLength(2000 * (ids[1]?.length ?? 0));
  const differing = Array.from({ length: 2000 }, (_, id) => id).filter(
    (id) => logits[id] !== before?.get('logits')?.[old.get(cut.tokenizer.token(id)) ?? -1],
  );
  expect(differing).toEqual([]);
});

test('a size that is not legal is refused with the range, and the teacher stays', async () => {
  const session = createSession();
  const { vocabularySize } = await session.loadTeacher('demo', FILES);
  const wish = { sequence: 64, seed: 1 };
  for (const size of [3, vocabularySize + 1, 2000.5])
    await expect(session.cutVocabulary(size, TEXT, wish)).rejects.toThrow(
      new RegExp(`^vocabulary: expected a whole number from \\d+, .* to ${vocabularySize}, the teacher's tokens, got ${size}\\. `),
    );
  expect((await session.cutVocabulary(2000, TEXT, wish)).vocabularySize).toBe(2000);
  expect((await session.loadText('prose', TEXT, wish)).unknownShare).toBeLessThan(0.01);
});
