import { assert, integer, property } from 'fast-check';
import { expect, test } from 'vitest';
import type { VocabularyCut } from '../../src/studio/api/text.ts';
import {
  vocabularyRange,
  vocabularyShown,
  vocabularySizes,
  withinVocabulary,
  withVocabulary,
  withVocabularyText,
} from '../../src/state/vocabularyChoice.ts';

const TEACHER = { vocabularySize: 30_522, leastVocabulary: 1996 };
const WHOLE = { vocabulary: 0, vocabularyText: false };
const OF_TEXT = { vocabulary: 0, vocabularyText: true };
const CUT: VocabularyCut = {
  ...OF_TEXT,
  before: 30_522,
  after: 5000,
  by: { words: 10, tokens: 12, unknownShare: 0, used: 4000, ofText: 5000, covered: 1 },
  parametersBefore: 1,
  of: 'whole',
};

test('what may be chosen lies between what every text needs and the whole, or beyond what this text needs', () => {
  expect(vocabularyRange(TEACHER, undefined, WHOLE)).toEqual({ least: 1996, most: 30_522 });
  expect(vocabularyRange(TEACHER, CUT, OF_TEXT)).toEqual({ least: 0, most: 25_522 });
  expect(vocabularyRange({ vocabularySize: 5000, leastVocabulary: 1996, cut: CUT }, CUT, WHOLE).most).toBe(30_522);
  expect(vocabularyShown(TEACHER, WHOLE)).toBe(30_522);
  expect(vocabularyShown(TEACHER, OF_TEXT)).toBe(0);
});

test('a slider stops at both ends and rises between them, whatever they are', () => {
  assert(
    property(integer({ min: 0, max: 300_000 }), integer({ min: 0, max: 300_000 }), (a, b) => {
      const sizes = vocabularySizes({ least: Math.min(a, b), most: Math.max(a, b) });
      expect([sizes[0], sizes.at(-1)]).toEqual([Math.min(a, b), Math.max(a, b)]);
      expect(sizes).toEqual(sizes.toSorted((x, y) => x - y));
    }),
  );
});

test('a number that is typed is brought into the range, and the whole vocabulary is not cut', () => {
  const range = vocabularyRange(TEACHER, undefined, WHOLE);
  expect(withVocabulary(WHOLE, 5, range).vocabulary).toBe(1996);
  expect(withVocabulary(WHOLE, 2000.4, range).vocabulary).toBe(2000);
  expect(withVocabulary(WHOLE, 99_999, range)).toEqual(WHOLE);
  expect(withVocabulary(OF_TEXT, 0, vocabularyRange(TEACHER, CUT, OF_TEXT))).toEqual(OF_TEXT);
});

test('the words of the text are chosen without more, and left for as many in all', () => {
  expect(withVocabularyText(true, undefined)).toEqual(OF_TEXT);
  expect(withVocabularyText(false, CUT)).toEqual({ vocabulary: 5000, vocabularyText: false });
});

test('a recipe of another teacher gets a vocabulary that this one can have', () => {
  expect(withinVocabulary({ ...WHOLE, steps: 7 }, TEACHER)).toEqual({ ...WHOLE, steps: 7 });
  expect(withinVocabulary({ ...WHOLE, vocabulary: 5 }, TEACHER).vocabulary).toBe(1996);
  expect(withinVocabulary({ ...WHOLE, vocabulary: 250_000 }, TEACHER)).toEqual(WHOLE);
  expect(withinVocabulary({ ...OF_TEXT, vocabulary: 250_000 }, TEACHER).vocabulary).toBe(30_522 - 1996);
  expect(withinVocabulary(OF_TEXT, TEACHER)).toEqual(OF_TEXT);
});
