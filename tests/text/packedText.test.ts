import { array, assert, integer, property } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Random } from '../../src/tensor/random.ts';
import { buildCorpus, splitOf } from '../../src/text/corpus.ts';
import { BatchStream, fixedBatches, maskBatch, splitBatch } from '../../src/text/maskedBatch.ts';
import { oneARow, packApart, rowsBetween, takeRows, type PackedText } from '../../src/text/packedText.ts';
import type { TextDocument } from '../../src/text/textFile.ts';
import { createTokenizer } from '../../src/text/tokenizer.ts';

const WORDS = Array.from({ length: 90 }, (_, i) => `w${i}`);
const tokenizer = createTokenizer({ vocabulary: ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...WORDS].join('\n') });
const { special } = tokenizer;
const masking = { probability: 0.15, wholeWords: false };

/** What lies in every document, without its special tokens. */
function contents({ sequences, documents = new Int32Array() }: PackedText): number[][] {
  return Array.from({ length: documents.length / 2 }, (_, i) => [
    ...sequences.subarray((documents[2 * i] ?? 0) + 1, (documents[2 * i + 1] ?? 0) - 1),
  ]);
}

describe('packing documents apart', () => {
  test('every document lies whole in one row between [CLS] and [SEP], and the rest is padding', () => {
    assert(
      property(array(array(integer({ min: 5, max: 94 }), { maxLength: 40 })), integer({ min: 3, max: 17 }), (given, sequence) => {
        const text = packApart(
          given.map((ids) => Int32Array.from(ids)),
          sequence,
          special,
        );
        const { sequences, documents = new Int32Array() } = text;
        const free = new Set(sequences.keys());
        let last = 0;
        for (let i = 0; i < documents.length; i += 2) {
          const [start = 0, end = 0] = documents.subarray(i, i + 2);
          expect(start).toBeGreaterThanOrEqual(last);
          expect(end - start).toBeGreaterThanOrEqual(3);
          expect(Math.floor(start / sequence)).toBe(Math.floor((end - 1) / sequence));
          expect([sequences[start], sequences[end - 1]]).toEqual([special.classify, special.separate]);
          for (let at = start; at < end; at++) free.delete(at);
          last = end;
        }
        for (const at of free) expect(sequences[at]).toBe(special.pad);
        const parts = given.flatMap((ids) =>
          Array.from({ length: Math.ceil(ids.length / (sequence - 2)) }, (_, i) => ids.slice(i * (sequence - 2), (i + 1) * (sequence - 2))),
        );
        const sorted = (list: readonly number[][]): string[] => list.map((ids) => ids.join(' ')).toSorted();
        expect(sorted(contents(text))).toEqual(sorted(parts));
      }),
    );
  });

  test('a document goes into the first row that has room for it', () => {
    const ids = (count: number, word: number): Int32Array => new Int32Array(count).fill(word);
    const { sequences, documents } = packApart([ids(5, 11), ids(6, 12), ids(1, 13), ids(30, 14), ids(2, 15)], 12, special);
    expect([...(documents ?? [])]).toEqual([0, 7, 7, 10, 12, 20, 20, 24, 24, 36, 36, 48, 48, 60]);
    expect([...sequences.subarray(0, 12)]).toEqual([2, 11, 11, 11, 11, 11, 3, 2, 13, 3, 0, 0]);
    expect([...sequences.subarray(12, 24)]).toEqual([2, 12, 12, 12, 12, 12, 12, 3, 2, 15, 15, 3]);
  });

  test('short documents leave less than a thirtieth of the rows to padding', () => {
    const random = new Random(5);
    const given = Array.from({ length: 4000 }, () => new Int32Array(6 + random.integer(25)).fill(7));
    const { sequences } = packApart(given, 128, special);
    const used = given.reduce((sum, ids) => sum + ids.length + 2, 0);
    expect(1 - used / sequences.length).toBeLessThan(1 / 30);
  });
});

describe('rows of a text whose documents lie apart', () => {
  const text = packApart(
    Array.from({ length: 40 }, (_, i) => new Int32Array(1 + ((7 * i) % 9)).fill(5 + i)),
    16,
    special,
  );
  const { documents = new Int32Array() } = text;

  test('are taken with their documents, and the numbers of those in the text', () => {
    const { ids, documents: taken = new Int32Array(), numbers = new Int32Array() } = takeRows(text, [3, 0, 3, 900], special.pad);
    expect(ids).toHaveLength(64);
    expect([...ids.subarray(48)]).toEqual(Array.from({ length: 16 }, () => special.pad));
    expect(numbers.length).toBeGreaterThan(5);
    numbers.forEach((number, i) => {
      const [start, end] = taken.subarray(2 * i, 2 * i + 2);
      expect(ids.subarray(start, end)).toEqual(text.sequences.subarray(documents[2 * number], documents[2 * number + 1]));
    });
    const twice = [...numbers].filter((number) => Math.floor((documents[2 * number] ?? 0) / 16) === 3);
    expect(twice.length).toBe(2 * new Set(twice).size);
  });

  test('are cut out as a text', () => {
    const part = rowsBetween(text, 2, 5);
    expect(part.sequences).toEqual(text.sequences.subarray(32, 80));
    const inside = contents(text).filter((_, i) => (documents[2 * i] ?? 0) >= 32 && (documents[2 * i] ?? 0) < 80);
    expect(contents(part)).toEqual(inside);
    expect(rowsBetween({ sequences: text.sequences, sequence: 16 }, 2, 5)).toEqual({ sequences: part.sequences, sequence: 16 });
  });

  test('are told one a row', () => {
    const alone = oneARow(text, 5, special.pad);
    expect(alone.documents).toBeUndefined();
    expect(alone.sequences).toHaveLength(80);
    for (let row = 0; row < 5; row++)
      expect([...alone.sequences.subarray(row * 16, (row + 1) * 16)].filter((id) => id !== special.pad)).toEqual([
        special.classify,
        ...(contents(text)[row] ?? []),
        special.separate,
      ]);
  });

  test('are masked without their special tokens, and cut into parts with their documents', () => {
    const batch = maskBatch(takeRows(text, [0, 1, 2, 3], special.pad), 16, tokenizer, new Random(1), {
      probability: 0.4,
      wholeWords: false,
    });
    expect(batch.predicted).toBeGreaterThan(8);
    for (const label of batch.labels) expect(label === -1 || label >= 5).toBe(true);
    const parts = splitBatch(batch, 2, batch.positions.length);
    expect(parts.map((part) => part.documents?.length ?? 0).reduce((sum, count) => sum + count, 0)).toBe(batch.documents?.length);
    parts.forEach((part, i) => expect(part.documents).toEqual(takeRows(text, [2 * i, 2 * i + 1], special.pad).documents));
  });

  test('come in an order that follows from the seed, and goes on from a kept state', () => {
    const stream = (): BatchStream => new BatchStream(text, 3, tokenizer, 7, masking);
    const [one, other] = [stream(), stream()];
    for (let step = 0; step < 5; step++) expect(one.next()).toEqual(other.next());
    const later = stream();
    later.restore(one.state());
    const next = one.next();
    expect(later.next()).toEqual(next);
    expect(next.documents?.length).toBeGreaterThan(4);
    expect(fixedBatches(text, 2, tokenizer, 3, 2, masking)[1]?.documents).toEqual(takeRows(text, [2, 3], special.pad).documents);
  });
});

describe('a corpus', () => {
  const records = (count: number, words: number): TextDocument[] =>
    Array.from({ length: count }, (_, d) => ({
      name: `d${d}`,
      text: Array.from({ length: words }, (_, i) => WORDS[(7 * d + i) % 90]).join(' '),
    }));

  test('keeps records whole, and apart', async () => {
    const given = records(60, 5);
    const corpus = await buildCorpus(given, tokenizer, { sequence: 32, seed: 3, apart: true });
    const whole = given.map(({ text }) => tokenizer.encode(text).join(' ')).toSorted();
    const found = (['train', 'heldOut'] as const).map((split) => contents(splitOf(corpus, split)).map((ids) => ids.join(' ')));
    expect(found.flat().toSorted()).toEqual(whole);
    expect(found[1]).toHaveLength(6);
    // Which are held out does not depend on how they are packed.
    const joined = await buildCorpus(given, tokenizer, { sequence: 32, seed: 3 });
    expect(joined.apart).toBeUndefined();
    const words = (ids: Int32Array): number[] => [...ids].filter((id) => id > 4).toSorted((a, b) => a - b);
    expect(words(corpus.heldOut)).toEqual(words(joined.heldOut));
  });

  test('takes the lines of a plain file for its documents', async () => {
    const lines = records(300, 4).map(({ text }) => text);
    const given: TextDocument[] = [{ name: 'all.txt', text: lines.join('\n'), byLine: true }];
    const corpus = await buildCorpus(given, tokenizer, { sequence: 32, seed: 1, apart: true });
    expect(corpus.documents).toBe(1);
    const found = (['train', 'heldOut'] as const).flatMap((split) => contents(splitOf(corpus, split)).map((ids) => ids.join(' ')));
    expect(found.toSorted()).toEqual(lines.map((line) => tokenizer.encode(line).join(' ')).toSorted());
  });

  test('cuts a document that is nearly all of the text where the held-out part begins, and loses nothing', async () => {
    const given = records(1, 3000);
    const corpus = await buildCorpus(given, tokenizer, { sequence: 16, seed: 1, apart: true });
    const found = (['train', 'heldOut'] as const).flatMap((split) => contents(splitOf(corpus, split)));
    expect(found.flat().length).toBe(3000);
    expect(Math.max(...found.map((ids) => ids.length))).toBe(14);
  });
});
