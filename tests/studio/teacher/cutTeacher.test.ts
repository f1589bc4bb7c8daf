import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ReferenceEngine } from '../../../src/engines/reference/referenceEngine.ts';
import type { GivenFile } from '../../../src/studio/api/files.ts';
import { cutTeacher, usesOf } from '../../../src/studio/teacher/cutTeacher.ts';
import { readTeacher } from '../../../src/studio/teacher/teacher.ts';
import { engineAnswer } from '../../../src/studio/verification/engineAnswer.ts';
import { configFile, weightsFile } from '../../../src/export/checkpointFiles.ts';
import { tokenizerFolder } from '../../../src/studio/exporting/tokenizerFolder.ts';
import { createSession } from '../../../src/studio/session.ts';
import { TEACHER, TEXT as PROSE } from '../runs/runBench.ts';
import { buildCorpus } from '../../../src/text/corpus.ts';

const filesOf = (folder: string): GivenFile[] =>
  readdirSync(folder).map((path) => ({ path, bytes: new Uint8Array(readFileSync(`${folder}/${path}`)) }));
const FILES = filesOf('public/demo/teacher');
/** Enough to tell often used words from others. */
const TEXT = filesOf('public/demo/prose').slice(0, 3);

test('of a cut teacher hidden states are the same, and logits those of the words that stay', async () => {
  const whole = await readTeacher('demo', FILES);
  const texts = TEXT.map(({ path, bytes }) => ({
    name: path,
    text: new TextDecoder().decode(bytes instanceof Uint8Array ? bytes : new Uint8Array()),
  }));
  const corpus = await buildCorpus(texts, whole.tokenizer, { sequence: 64, seed: 1 });
  const counted = { uses: usesOf(corpus, whole), text: { words: 1, tokens: corpus.tokens, unknownShare: corpus.unknownShare } };
  const cut = cutTeacher(whole, counted, { vocabulary: 2000, vocabularyText: false }, 'whole');
  expect(cut.model.config.vocabSize).toBe(2000);
  expect(cut.report.parameters).toBeLessThan(whole.report.parameters);
  expect(cut.report.notes.at(-1)).toMatch(/^The vocabulary was cut from [\d,]+ tokens to 2,000\. The text uses [\d,]+; [\d.]+ % /);

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

const WISH = { sequence: 64, seed: 1 };

test('a size that is not legal is refused with the range, and the teacher stays', async () => {
  const session = createSession();
  const { vocabularySize, leastVocabulary = 0 } = await session.loadTeacher('demo', FILES);
  const cut = (vocabulary: number, vocabularyText = false): ReturnType<typeof session.cutVocabulary> =>
    session.cutVocabulary({ vocabulary, vocabularyText }, TEXT, WISH);
  for (const size of [3, leastVocabulary - 1, vocabularySize + 1, 2000.5])
    await expect(cut(size)).rejects.toThrow(
      new RegExp(
        `^vocabulary: expected a whole number from ${leastVocabulary}, .* to ${vocabularySize}, the teacher's tokens, got ${size}\\. `,
      ),
    );
  expect((await cut(leastVocabulary)).vocabularySize).toBe(leastVocabulary);
  expect((await cut(2000)).vocabularySize).toBe(2000);
  expect(await session.loadText('prose', TEXT, WISH)).toMatchObject({ cut: { before: vocabularySize, after: 2000 } });
  // From the whole vocabulary, not from what the cut before left.
  const text = await cut(0, true);
  const { used = 0, ofText = 0, covered } = text.cut?.by ?? {};
  expect([text.vocabularySize, covered]).toEqual([ofText, 1]);
  expect(used).toBeLessThanOrEqual(ofText);
  expect((await cut(100, true)).vocabularySize).toBe(ofText + 100);
  const most = vocabularySize - ofText;
  expect((await cut(most, true)).vocabularySize).toBe(vocabularySize);
  await expect(cut(most + 1, true)).rejects.toThrow(
    `from 0 to ${most}: the teacher has ${vocabularySize} tokens, of which ${ofText} are the text's, got ${most + 1}.`,
  );
  expect((await cut(0)).cut).toBeUndefined();
});

test('a text that is loaded with a wish for its vocabulary is packed in the tokens that stay', async () => {
  const session = createSession();
  const { vocabularySize } = await session.loadTeacher('demo', FILES);
  const plain = await session.loadText('prose', TEXT, WISH);
  const cut = await session.loadText('prose', TEXT, { ...WISH, cut: { vocabulary: 2000, vocabularyText: false } });
  expect(plain.cut).toBeUndefined();
  expect(cut.cut?.by).toMatchObject({ words: plain.words, tokens: plain.tokens, unknownShare: plain.unknownShare });
  expect(cut.words).toBe(plain.words);
  expect(cut.tokens).toBeGreaterThan(plain.tokens);
  const recipe = await session.defaults();
  const plan = await session.plan({ ...recipe, vocabulary: 2000 });
  expect(plan.parameters).toBeLessThan((await session.plan(recipe)).parameters);
  // What the recipe asks for counts, before a text is read for it as after.
  await session.loadText('prose', TEXT, { ...WISH, cut: { vocabulary: 0, vocabularyText: false } });
  expect(await session.plan({ ...recipe, vocabulary: 2000 })).toEqual(plan);
  expect((await session.plan(recipe)).teacherParameters).toBe(plan.teacherParameters);
  await expect(session.start({ ...recipe, sequence: 64, documents: 'joined', vocabulary: 2000 }, () => {})).rejects.toThrow(
    'session: the vocabulary is whole, the recipe asks for one that is cut to 2000 tokens. Load the text again.',
  );
  expect(vocabularySize).toBeGreaterThan(2000);
});

test('a student with a part of the vocabulary is judged beside the teacher of that part, and other tokens are refused', async () => {
  const whole = await readTeacher('golden', TEACHER);
  const texts = PROSE.map(({ path, bytes }) => ({
    name: path,
    text: new TextDecoder().decode(bytes instanceof Uint8Array ? bytes : new Uint8Array()),
  }));
  const corpus = await buildCorpus(texts, whole.tokenizer, { sequence: 32, seed: 1 });
  const counted = { uses: usesOf(corpus, whole), text: { words: 1, tokens: corpus.tokens, unknownShare: 0 } };
  const cut = cutTeacher(whole, counted, { vocabulary: 60, vocabularyText: false }, 'whole');
  const filesOfCut: GivenFile[] = [...tokenizerFolder(cut)].map(([path, bytes]) => ({ path, bytes }));
  for (const { path, pieces } of [configFile(cut.model, []), weightsFile(cut.model, 'fp32')]) {
    const parts: Uint8Array[] = [];
    for await (const piece of pieces) parts.push(piece);
    filesOfCut.push({ path, bytes: new Uint8Array(Buffer.concat(parts)) });
  }
  const session = createSession();
  await session.engine('cpu', 1);
  await session.loadTeacher('golden', TEACHER);
  const student = { name: 'cut', files: filesOfCut };
  await session.loadText('prose', PROSE, { sequence: 32, seed: 1 });
  await expect(session.evaluate(student, 4, 1)).rejects.toThrow(/vocabulary — expected the 61 tokens of teacher golden, got 60/);
  expect((await session.checkStudent(student)).vocabularySize).toBe(60);
  await session.loadText('prose', PROSE, { sequence: 32, seed: 1 });
  const judged = await session.evaluate(student, 4, 1);
  expect(judged.student).toEqual({ ...judged.teacher, agreement: 1 });

  // As many tokens, and not the same: their ids mean other words.
  const words = Array.from({ length: 60 }, (_, id) => cut.tokenizer.token(id));
  const swapped = filesOfCut.flatMap(({ path, bytes }) => {
    if (path !== 'tokenizer.json' || !(bytes instanceof Uint8Array)) return path === 'vocab.txt' ? [] : [{ path, bytes }];
    const text = new TextDecoder()
      .decode(bytes)
      .replace(`"${words[5]}":5`, `"${words[6]}":5`)
      .replace(`"${words[6]}":6`, `"${words[5]}":6`);
    return [{ path, bytes: new TextEncoder().encode(text) }];
  });
  await expect(session.checkStudent({ name: 'other', files: swapped })).rejects.toThrow(/expected a of teacher golden as token 5, got b/);
});
