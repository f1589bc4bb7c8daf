import type { PaperRecipe, Recipe } from '../studio/api/recipe.ts';
import { namesOf, nearestNumber, type NamesOf, type Setting } from '../studio/settings/setting.ts';
import { isRead, PUBLISHED_SETTINGS, traitsOf } from '../studio/settings/modes.ts';
import { PAPER_SETTINGS, SETTINGS, type SettingName } from '../studio/settings/settings.ts';
import { WORDS_TASK } from '../studio/settings/tasks.ts';

export { PAPER_SETTINGS, SETTINGS } from '../studio/settings/settings.ts';
export { SENTENCES_TASK } from '../studio/settings/tasks.ts';

/** Parts of a recipe that are numbers to type. */
export type NumberName = NamesOf<typeof SETTINGS, 'number'>;
export const NUMBER_NAMES: readonly NumberName[] = namesOf(SETTINGS, 'number');

/** Parts of a recipe that are one of a few words. */
export type ChoiceName = NamesOf<typeof SETTINGS, 'choice'>;
export const CHOICE_NAMES: readonly ChoiceName[] = namesOf(SETTINGS, 'choice');

/** Parts of a recipe that are yes or no. */
export const SWITCH_NAMES = namesOf(SETTINGS, 'switch');

export const PAPER_NAMES = namesOf(PAPER_SETTINGS, 'number');

/** Whether the settings of the published method are worth showing. */
export function showsPublished(recipe: Recipe): boolean {
  return isRead(recipe, PUBLISHED_SETTINGS);
}

/** Whether a setting changes anything in the recipe's mode and for the teacher's task, and is worth showing. @param task of the teacher */
export function matters(name: SettingName, recipe: Recipe, task: string = WORDS_TASK): boolean {
  const setting: Setting = SETTINGS[name];
  return isRead(recipe, name) && (setting.task ?? task) === task;
}

function divisorNear(total: number, wanted: number): number {
  let best = 1;
  for (let part = 1; part <= total; part++) if (total % part === 0 && Math.abs(part - wanted) < Math.abs(best - wanted)) best = part;
  return best;
}

/** A method that makes no student without steps gets one. */
function withEnoughSteps(recipe: Recipe): Recipe {
  return recipe.steps === 0 && traitsOf(recipe).needsSteps !== undefined ? { ...recipe, steps: 1 } : recipe;
}

/** The recipe with one number brought into its legal range, or as it is if none is near; micro-batches divide the batch. */
export function withNumber(recipe: Recipe, name: NumberName, typed: number, maxPositions: number): Recipe {
  const changed = { ...recipe, [name]: nearestNumber(SETTINGS[name], typed, maxPositions) ?? recipe[name] };
  return withEnoughSteps({ ...changed, accumulation: divisorNear(changed.batch, changed.accumulation) });
}

/** The recipe with one choice made, or as it is if the word is none of the choices. */
export function withChoice(recipe: Recipe, name: ChoiceName, word: string | null): Recipe {
  if (word === null || !Object.hasOwn(SETTINGS[name].words, word)) return recipe;
  const chosen = withEnoughSteps({ ...recipe, [name]: word });
  return name === 'mode' && traitsOf(chosen).ownDecoder === true ? { ...chosen, tied: false } : chosen;
}

export function withPaperNumber(recipe: Recipe, name: keyof PaperRecipe, typed: number): Recipe {
  return { ...recipe, paper: { ...recipe.paper, [name]: nearestNumber(PAPER_SETTINGS[name], typed) ?? recipe.paper[name] } };
}
