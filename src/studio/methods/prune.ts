import type { Method } from './method.ts';
import { ownWeightsPhase } from './ownWeights.ts';
import { mergedShapes, mergedStart } from './start.ts';
import { chosenStart, ownWeightsInWords } from './words.ts';

/** The pruning baseline: a selection of weights, or the calibrated student, trained on (docs/method.md section 5.4). */
export const prune: Method = {
  name: 'prune',
  job: 'merged',
  start: (context, tools) => mergedStart(context, tools, context.recipe.start === 'selection'),
  phases: (context) => [ownWeightsPhase(context, context.recipe.steps, undefined)],
  merged: ({ table }) => mergedShapes(table),
  words: (recipe, task) => ownWeightsInWords(recipe, task, chosenStart(recipe)),
};
