import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { vocabularyPage, type VocabularyResult } from '../../bench/vocabularyPage.ts';

const RESULTS = new URL('../../docs/results/', import.meta.url);

test('the stored measurement gives the page that is stored beside it, and a cut changes nothing for the words that stay', () => {
  const stored: unknown = JSON.parse(readFileSync(new URL('vocabulary.json', RESULTS), 'utf8'));
  const isResult = (value: unknown): value is VocabularyResult => typeof value === 'object' && value !== null && 'seeds' in value;
  if (!isResult(stored)) throw new Error('docs/results/vocabulary.json holds no measurement. Run npm run vocabulary.');
  expect(vocabularyPage(stored)).toBe(readFileSync(new URL('vocabulary.md', RESULTS), 'utf8'));
  expect(stored.teacherCut.accuracy).toBe(stored.teacherRestricted.accuracy);
  expect(stored.teacherCut.loss).toBeCloseTo(stored.teacherRestricted.loss, 6);
});
