import { describe, expect, test } from 'vitest';
import { Random } from '../../src/tensor/random.ts';
import { maskBatch, maskedSlots, splitBatch } from '../../src/text/maskedBatch.ts';
import type { TextTokenizer } from '../../src/text/tokenizer.ts';

const special = { pad: 0, unknown: 1, classify: 2, separate: 3, mask: 4 };
/** Ids from 100 up continue a word. */
const tokenizer: TextTokenizer = {
  vocabularySize: 200,
  special,
  encode: () => [],
  token: (id) => (id >= 100 ? `##${id}` : String(id)),
  isContinuation: (id) => id >= 100,
};
const SEQUENCE = 64;

/** Words of one to four pieces; every piece of a sequence has its own id as far as ids go. */
function sequences(count: number, seed: number): Int32Array {
  const random = new Random(seed);
  const ids = new Int32Array(count * SEQUENCE).fill(special.pad);
  for (let row = 0; row < count; row++) {
    const length = row % 3 === 2 ? 20 : SEQUENCE;
    ids[row * SEQUENCE] = special.classify;
    for (let at = 1; at < length - 1; at++)
      ids[row * SEQUENCE + at] = at > 1 && random.uniform() < 0.5 ? 100 + random.integer(100) : 10 + random.integer(90);
    ids[row * SEQUENCE + length - 1] = special.separate;
  }
  return ids;
}

/** First and last place of the word around a place. */
function wordAt(ids: Int32Array, at: number): [number, number] {
  let [from, to] = [at, at];
  while ((ids[from] ?? 0) >= 100 && (ids[from - 1] ?? 0) >= 10) from--;
  while ((ids[to + 1] ?? 0) >= 100) to++;
  return [from, to];
}

describe.each([0.05, 0.15, 0.4])('masking a share of %d', (probability) => {
  test('predicts that share of every sequence, labels are the tokens, 80 / 10 / 10', () => {
    const ids = sequences(300, 1);
    const batch = maskBatch({ ids }, SEQUENCE, tokenizer, new Random(2), { probability, wholeWords: false });
    const places = batch.positions.subarray(0, batch.predicted);
    const wanted = Array.from({ length: 300 }, (_, row) => Math.max(1, Math.round(probability * (row % 3 === 2 ? 18 : 62))));
    wanted.forEach((count, row) => {
      expect(places.filter((at) => Math.floor(at / SEQUENCE) === row).length).toBe(count);
    });
    places.forEach((at, slot) => {
      expect(batch.labels[slot]).toBe(ids[at]);
      expect(ids[at] ?? 0).toBeGreaterThanOrEqual(10);
    });
    const masked = places.filter((at) => batch.inputIds[at] === special.mask).length;
    const kept = places.filter((at) => batch.inputIds[at] === ids[at]).length;
    // Three standard deviations of a binomial draw; a random token is the right one once in 200.
    const deviation = (share: number): number => 3 * Math.sqrt((share * (1 - share)) / places.length);
    expect(Math.abs(masked / places.length - 0.8)).toBeLessThan(deviation(0.8));
    expect(Math.abs(kept / places.length - 0.1)).toBeLessThan(deviation(0.1) + 0.001);
  });

  test('of whole words takes all pieces of a word or none, within the same number of slots', () => {
    const ids = sequences(300, 3);
    const batch = maskBatch({ ids }, SEQUENCE, tokenizer, new Random(4), { probability, wholeWords: true });
    const places = new Set(batch.positions.subarray(0, batch.predicted));
    let longest = 0;
    let split = 0;
    for (let row = 0; row < 300; row++) {
      const mine = [...places].filter((at) => Math.floor(at / SEQUENCE) === row);
      const most = Math.max(1, Math.round(probability * (row % 3 === 2 ? 18 : 62)));
      expect(mine.length).toBeGreaterThan(0);
      expect(mine.length).toBeLessThanOrEqual(most);
      for (const at of mine) {
        const [from, to] = wordAt(ids, at);
        longest = Math.max(longest, to - from + 1);
        for (let piece = from; piece <= to; piece++) if (!places.has(piece)) split++;
      }
    }
    expect(longest).toBeGreaterThan(probability < 0.1 ? 1 : 2);
    // Only where not one whole word fits may a word be cut.
    expect(split).toBeLessThan(probability < 0.1 ? 60 : 1);
    // Words that do not fit at the end leave a little less than the share.
    expect(places.size / (batch.positions.length || 1)).toBeGreaterThan(0.75);
  });
});

test('a batch cut into parts holds the same tokens and predictions', () => {
  const ids = sequences(12, 5);
  const masking = { probability: 0.15, wholeWords: false };
  const whole = maskBatch({ ids }, SEQUENCE, tokenizer, new Random(6), masking);
  const parts = splitBatch(whole, 4, maskedSlots(3, SEQUENCE, 0.15));
  expect(parts.flatMap((part) => [...part.inputIds])).toEqual([...whole.inputIds]);
  expect(parts.flatMap((part) => [...part.attention])).toEqual([...whole.attention]);
  const pairs = parts.flatMap((part, index) =>
    [...part.positions.subarray(0, part.predicted)].map((at, slot) => [index * 3 * SEQUENCE + at, part.labels[slot]]),
  );
  expect(pairs).toEqual([...whole.positions.subarray(0, whole.predicted)].map((at, slot) => [at, whole.labels[slot]]));
});

test.each([
  [0.15, false],
  [0.15, true],
  [0.4, false],
])(
  'of %d hidden tokens, whole words %s, others are predicted too where they can be seen, and what is hidden stays',
  (probability, wholeWords) => {
    const ids = sequences(30, 7);
    const plain = maskBatch({ ids }, SEQUENCE, tokenizer, new Random(8), { probability, wholeWords });
    const [few, more] = [0.1, 0.6].map((predicted) =>
      maskBatch({ ids }, SEQUENCE, tokenizer, new Random(8), { probability, wholeWords, predicted }),
    );
    // A share below what is hidden changes nothing, the draws that follow included.
    expect(few).toEqual(plain);
    if (more === undefined) throw new Error('no batch');
    expect(more.positions).toHaveLength(maskedSlots(30, SEQUENCE, 0.6));
    let wanted = 0;
    for (let row = 0; row < 30; row++) {
      const own = (batch: typeof plain): number[] =>
        [...batch.positions.subarray(0, batch.predicted)].filter((at) => Math.floor(at / SEQUENCE) === row);
      const text = [...ids.subarray(row * SEQUENCE, (row + 1) * SEQUENCE)].filter((id) => id >= 10).length;
      expect(own(more)).toHaveLength(Math.round(0.6 * text));
      expect(own(more)).toEqual(own(more).toSorted((a, b) => a - b));
      // The first row's draws are the same: what is hidden there is predicted.
      if (row === 0) expect(own(more)).toEqual(expect.arrayContaining(own(plain)));
      wanted += own(more).length;
    }
    expect(more.predicted).toBe(wanted);
    // As many inputs differ from the text as without: the others are seen.
    const changed = (batch: typeof plain): number => batch.inputIds.filter((id, i) => id !== ids[i]).length;
    expect(changed(more) / changed(plain)).toBeGreaterThan(0.85);
    expect(changed(more) / changed(plain)).toBeLessThan(1.15);
    more.positions.subarray(0, more.predicted).forEach((at, slot) => expect(more.labels[slot]).toBe(ids[at]));
  },
);
