import { expect, test } from 'vitest';
import type { RunResult, SimilarityReport } from '../../src/studio/api/run.ts';
import { shownSimilarity } from '../../src/ui/compare/shownSimilarity.ts';

const report = (mean: number): SimilarityReport => ({ layers: [[mean]], origins: [[0]], mean, cosine: mean, chance: 0 });
const heldOut = { loss: 1, accuracy: 0, agreement: 0 };
const result: RunResult = {
  teacher: heldOut,
  untrained: heldOut,
  trained: heldOut,
  stepsDone: 12,
  stopped: false,
  similarity: report(0.9),
  fault: null,
  seconds: 1,
};
const measured = { step: 10, value: report(0.1) };

test('while a run goes on, the attention that was measured last is shown', () => {
  expect(shownSimilarity(undefined, undefined)).toBeUndefined();
  expect(shownSimilarity(measured, undefined)).toEqual(measured);
});

test('once it is over, that of the student it left, also where it fell back to an earlier one', () => {
  expect(shownSimilarity(measured, result)).toEqual({ step: 12, value: result.similarity });
  expect(shownSimilarity(measured, { ...result, studentStep: 4 })).toEqual({ step: 4, value: result.similarity });
});
