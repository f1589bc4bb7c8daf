// The toy of docs/adding-a-method.md: a method in one file of its own.
import { freshModel } from '../../../src/models/freshModel.ts';
import type { Method } from '../../../src/studio/methods/method.ts';
import { ownWeightsPhase } from '../../../src/studio/methods/ownWeights.ts';
import { mergedShapes, mergedStart } from '../../../src/studio/methods/start.ts';
import { ownWeightsInWords } from '../../../src/studio/methods/words.ts';

/** Trains the calibrated student's own weights, half guided by the teacher. */
export const halfGuided: Method = {
  name: 'halfGuided',
  start: (context, tools) => mergedStart(context, tools, false),
  phases: (context) => {
    const learnsFrom = { temperature: 1, share: 0.5, hidden: 0, layerMap: context.table.layerMap };
    return [ownWeightsPhase(context, context.recipe.steps, learnsFrom)];
  },
  merged: ({ table }) => mergedShapes(table),
  words: (recipe, task) => ownWeightsInWords(recipe, task, 'a closed-form start', ', half guided'),
};

/** One that starts from nothing, and keeps nothing beside its student. */
export const untrained: Method = {
  name: 'untrained',
  start: ({ teacher, recipe }) =>
    Promise.resolve({
      model: freshModel({ ...teacher.model.config, layers: recipe.student.layers }, 5),
      compactors: new Map(),
      heads: new Map(),
    }),
  phases: (context) => [ownWeightsPhase(context, context.recipe.steps, undefined)],
  words: () => 'Random weights.',
};
