import type { Task } from '../../tasks/task.ts';
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
    // If the answers come with the batches, the teacher is run for its hidden states alone.
    const isRun = context.teacher.sentences === undefined || hidden > 0;
    const learnsFrom = isRun ? { temperature, share, hidden, layerMap: context.table.layerMap } : undefined;
    return [ownWeightsPhase(context, steps, learnsFrom)];
  },
  merged: ({ table }) => mergedShapes(table),
  words: (recipe, task) => ownWeightsInWords(recipe, task, chosenStart(recipe), lossInWords(recipe, task)),
};

function lossInWords({ distillationShare, distillationTemperature, distillationHidden }: Recipe, task: Task): string {
  const hidden = distillationHidden > 0 ? `, hidden states with weight ${distillationHidden}` : '';
  // If the answers come with the batches, all of the loss is from the teacher.
  return task.teacherOf === undefined ? `, ${fromLogits(distillationShare, distillationTemperature)}${hidden}` : hidden;
}
