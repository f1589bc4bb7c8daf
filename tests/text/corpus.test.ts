import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { buildCorpus } from '../../src/text/corpus.ts';
import type { TextDocument } from '../../src/text/textFile.ts';
import { createTokenizer } from '../../src/text/tokenizer.ts';
import { slowness, work } from '../pace.ts';

const WORDS = Array.from({ length: 90 }, (_, i) => `w${i}`);
const tokenizer = createTokenizer({ vocabulary: ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...WORDS, '##x'].join('\n') });
const documents = (count: number, words: number): TextDocument[] =>
  Array.from({ length: count }, (_, d) => ({
    name: `d${d}`,
    text: Array.from({ length: words }, (_, i) => WORDS[(7 * d + i) % 90]).join(' '),
  }));
const words = (packed: Int32Array): number[] => [...packed].filter((id) => id > 4);

describe('packing', () => {
  test('every row is [CLS] tokens [SEP], the last padded, and every token is there once', async () => {
    const given = documents(12, 25);
    const { train, heldOut, tokens, documents: count } = await buildCorpus(given, tokenizer, { sequence: 16, seed: 3 });
    expect([tokens, count]).toEqual([300, 12]);
    for (const packed of [train, heldOut]) {
      for (let row = 0; row < packed.length / 16; row++) {
        const ids = [...packed.subarray(row * 16, (row + 1) * 16)];
        const end = ids.indexOf(3);
        expect(ids[0]).toBe(2);
        expect(end).toBeGreaterThan(0);
        expect(ids.slice(end + 1).every((id) => id === 0)).toBe(true);
        if (row < packed.length / 16 - 1) expect(end).toBe(15);
      }
    }
    const all = given.flatMap(({ text }) => tokenizer.encode(text)).toSorted((a, b) => a - b);
    expect([...words(train), ...words(heldOut)].toSorted((a, b) => a - b)).toEqual(all);
  });

  test('whole documents are held out, about a tenth of the tokens, by the seed', async () => {
    const given = documents(40, 30);
    const split = async (seed: number): Promise<number[]> => words((await buildCorpus(given, tokenizer, { sequence: 8, seed })).heldOut);
    const held = await split(1);
    const pieces = given.map(({ text }) => tokenizer.encode(text).join(' '));
    expect(held).toHaveLength(120);
    for (let at = 0; at < held.length; at += 30) expect(pieces).toContain(held.slice(at, at + 30).join(' '));
    expect(await split(1)).toEqual(held);
    expect(await split(2)).not.toEqual(held);
  });

  test('of a single document, blocks of lines are held out', async () => {
    const text = documents(80, 10)
      .map((document) => document.text)
      .join('\n\n');
    const { heldOut, train, documents: count } = await buildCorpus([{ name: 'one', text }], tokenizer, { sequence: 16, seed: 1 });
    expect(count).toBe(1);
    expect(words(heldOut)).toHaveLength(80);
    expect(words(train)).toHaveLength(720);
  });

  test.each([
    [
      'one document is most of the text',
      [
        ...documents(15, 40),
        {
          name: 'large',
          text: documents(60, 40)
            .map(({ text }) => text)
            .join('\n'),
        },
      ],
    ],
    ['a few documents of one line each', documents(3, 1000)],
    ['one document of one long line', documents(1, 3000)],
    ['five documents are nearly all of it', [...documents(5, 198), ...documents(10, 1)]],
    ['five documents are most of it', [...documents(5, 390), ...documents(25, 2)]],
    ['two documents, one of them short', [...documents(1, 2900), ...documents(1, 100)]],
  ])('between a twentieth and a fifth of the tokens is held out where %s', async (_, given) => {
    for (let seed = 1; seed <= 20; seed++) {
      const { heldOut, train, tokens } = await buildCorpus(given, tokenizer, { sequence: 16, seed });
      const share = words(heldOut).length / tokens;
      expect(share, `seed ${seed}`).toBeGreaterThanOrEqual(0.05);
      expect(share, `seed ${seed}`).toBeLessThanOrEqual(0.2);
      expect(words(train).length + words(heldOut).length).toBe(tokens);
    }
  });

  test('two sequences are enough, one for each split', async () => {
    const { heldOut, train } = await buildCorpus(documents(1, 32), tokenizer, { sequence: 16, seed: 1 });
    expect([words(heldOut).length, words(train).length]).toEqual([16, 16]);
  });

  test('lengths are counted in bins of powers of two', async () => {
    const { lengths } = await buildCorpus([...documents(10, 3), ...documents(20, 9)], tokenizer, { sequence: 16, seed: 1 });
    expect(lengths).toEqual([0, 10, 0, 20]);
  });

  test('reading ends at the limit, and says so', async () => {
    let read = 0;
    const endless = function* (): Generator<TextDocument> {
      for (;;) {
        read += 1;
        yield* documents(1, 50);
      }
    };
    const { tokens, cut } = await buildCorpus(endless(), tokenizer, { sequence: 16, seed: 1, mostTokens: 1000 });
    expect([tokens, cut, read]).toEqual([1000, true, 21]);
  });
});

describe('what teaches nothing is refused', () => {
  test('too little text', async () => {
    await expect(buildCorpus(documents(2, 10), tokenizer, { sequence: 64, seed: 1 })).rejects.toThrow(
      '20 tokens are too few for sequences of 64, expected at least 128. Give more text',
    );
  });

  test('a vocabulary that makes most of the text unknown', async () => {
    const foreign = Array.from({ length: 12 }, (_, i) => ({ name: `${i}`, text: 'слово за словом w1 и ещё слово '.repeat(20) }));
    await expect(buildCorpus(foreign, tokenizer, { sequence: 16, seed: 1 })).rejects.toThrow(/86 % of the tokens are unknown/);
  });
});

test('the demo teacher reads text at 1 MB/s or better', async () => {
  const demo = createTokenizer({ tokenizerJson: readFileSync('public/demo/teacher/tokenizer.json', 'utf8') });
  const text = readFileSync('public/demo/prose/a1.txt', 'utf8');
  const copies = Array.from({ length: 40 }, (_, i) => ({ name: `${i}`, text }));
  await buildCorpus(copies.slice(0, 12), demo, { sequence: 128, seed: 1 });
  // Processor time: other work on the machine does not count.
  const before = process.cpuUsage();
  await buildCorpus(copies, demo, { sequence: 128, seed: 1 });
  const { user, system } = process.cpuUsage(before);
  const rate = (40 * Buffer.byteLength(text)) / (user + system);
  console.log(`text: ${rate.toFixed(1)} MB/s`);
  expect(rate * slowness(work())).toBeGreaterThan(1);
});
