import { freshModel } from '../../models/freshModel.ts';
import { studentConfig } from '../../wid/spaces.ts';
import type { Method } from './method.ts';
import { ownWeightsPhase } from './ownWeights.ts';
import { ownWeightsInWords } from './words.ts';

/** The baseline that inherits nothing: random weights (docs/method.md section 5.4). */
export const scratch: Method = {
  name: 'scratch',
  job: 'student',
  start: ({ teacher, table, recipe }) =>
    Promise.resolve({
      model: freshModel(studentConfig(teacher.model.config, table), recipe.seed),
      compactors: new Map(),
      heads: new Map(),
    }),
  phases: (context) => [ownWeightsPhase(context, context.recipe.steps, undefined)],
  words: (recipe, task) => ownWeightsInWords(recipe, task, 'random weights'),
};
