import { expect, test } from 'vitest';
import { defaultRecipe, stepShape, taskSettings } from '../../../src/studio/recipe/recipe.ts';
import { maskedWords } from '../../../src/tasks/maskedWords.ts';
import type { Recipe } from '../../../src/studio/api/recipe.ts';

const SHAPE = { layers: 4, hiddenSize: 32, heads: 4, headSize: 8, intermediateSize: 48 };
const usual = defaultRecipe({ shape: SHAPE, maxPositions: 64, tiedDecoder: true });

test.each<[string, Partial<Recipe>, number]>([
  ['guided compactors', { mode: 'calibrated', guidance: 1 }, 0.5],
  ['compactors that learn from the text alone', { mode: 'calibrated', guidance: 0 }, 0],
  ['distillation', { mode: 'distil' }, 0.5],
  ['distillation of nothing', { mode: 'distil', distillationShare: 0 }, 0],
  ['pruning, whatever guidance says', { mode: 'prune', guidance: 1 }, 0],
  ['the published method', { mode: 'paper', guidance: 1 }, 0],
])('%s: tokens that are not hidden are predicted only if the teacher answers', (_, part, predicted) => {
  const recipe: Recipe = { ...usual, ...part, predicted: 0.5, masking: 0.15 };
  expect(taskSettings(recipe)).toEqual({ masking: 0.15, wholeWords: false, sentences: 64, predicted });
  const slots = maskedWords.slots({ batch: recipe.batch, sequence: recipe.sequence });
  expect(stepShape(maskedWords, recipe).slots > slots).toBe(predicted > 0);
});
