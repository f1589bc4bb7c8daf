import type { Recipe } from '../api/recipe.ts';
import type { Method } from './method.ts';
import { ownWeightsPhase } from './ownWeights.ts';
import { mergedShapes, mergedStart } from './start.ts';
import { chosenStart, fromLogits, ownWeightsInWords } from './words.ts';

/** The distillation baseline: learns from the teacher's answers and, if asked for, its hidden states (docs/method.md section 5.4). */
export const distil: Method = {
  name: 'distil',
  job: 'merged',
  start: (context, tools) => mergedStart(context, tools, context.recipe.start === 'selection'),
  phases: (context) => {
    const { steps, distillationTemperature: temperature, distillationShare: share, distillationHidden: hidden } = context.recipe;
    return [ownWeightsPhase(context, steps, { temperature, share, hidden, layerMap: context.table.layerMap })];
  },
  merged: ({ table }) => mergedShapes(table),
  words: (recipe) => ownWeightsInWords(recipe, chosenStart(recipe), lossInWords(recipe)),
};

function lossInWords({ distillationShare, distillationTemperature, distillationHidden }: Recipe): string {
  const hidden = distillationHidden > 0 ? `, hidden states with weight ${distillationHidden}` : '';
  return `, ${fromLogits(distillationShare, distillationTemperature)}${hidden}`;
}
