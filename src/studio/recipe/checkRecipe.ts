import { longestSequence } from '../../models/model.ts';
import { StudioError } from '../../tensor/studioError.ts';
import { fieldInWords, isLegal, legalInWords, type Setting } from '../settings/setting.ts';
import { DEFAULT_MODE, isRead, MODE_TRAITS, MODES, STEPLESS, traitsOf } from '../settings/modes.ts';
import { PAPER_SETTINGS, SETTINGS, WHOLE_RANK } from '../settings/settings.ts';
import type { Recipe } from '../api/recipe.ts';
import type { Teacher } from '../teacher/teacher.ts';

/**
 * @param modes names of the methods that there are
 * @throws StudioError naming the first setting that makes no run
 */
export function checkRecipe(teacher: Teacher, recipe: Recipe, modes: readonly string[] = MODES): void {
  const refuse = (what: string, expected: string, got: unknown): never => {
    throw new StudioError('recipe', `recipe: ${what} — expected ${expected}, got ${String(got)}.`, { recipe });
  };
  const positions = longestSequence(teacher.model.config);
  const check = (table: Readonly<Record<string, Setting>>, values: object, where = ''): void => {
    for (const [name, setting] of Object.entries(table)) {
      const value: unknown = Reflect.get(values, name);
      if (!isLegal(setting, value, positions))
        refuse(`${setting.noun ?? fieldInWords(name)}${where}`, legalInWords(setting, positions), value);
    }
  };
  if (!modes.includes(recipe.mode)) refuse('mode', modes.join(', '), recipe.mode);
  const { mode: _, ...others } = SETTINGS;
  check(others, recipe);
  check(PAPER_SETTINGS, recipe.paper, ' in paper mode');
  const { needsSteps } = traitsOf(recipe);
  if (recipe.steps === 0 && needsSteps !== undefined)
    throw new StudioError(
      'recipe',
      `recipe: steps — expected at least 1 in ${recipe.mode} mode, ${needsSteps}, got 0. Ask for more steps, or choose mode ${STEPLESS.join(' or ')}.`,
      { recipe },
    );
  const { wordsAlone } = traitsOf(recipe);
  if (teacher.sentences !== undefined && wordsAlone !== undefined)
    throw new StudioError(
      'recipe',
      `recipe: mode — expected one that makes students for sentence vectors, got ${recipe.mode}, ${wordsAlone}. Choose mode ${MODES.filter((mode) => MODE_TRAITS[mode]?.wordsAlone === undefined).join(' or ')}.`,
      { recipe },
    );
  if (teacher.sentences !== undefined && isRead(recipe, 'rank') && recipe.rank < WHOLE_RANK)
    refuse('rank of compactors', `${WHOLE_RANK} for sentence vectors, whose compactors are trained whole`, recipe.rank);
  if (recipe.batch % recipe.accumulation !== 0)
    refuse('accumulation', `parts of the same size out of ${recipe.batch} sequences a step`, recipe.accumulation);
  if (traitsOf(recipe).mixtures === true && recipe.depth === 'mixture' && recipe.rank < WHOLE_RANK)
    throw new StudioError(
      'recipe',
      `recipe: rank of compactors — expected ${WHOLE_RANK} with learned mixtures of layers, whose matrices change every step, got ${recipe.rank}. Choose another depth, or that rank.`,
      { recipe },
    );
  if (recipe.tableRank < WHOLE_RANK && !trainsOwnWeights(recipe))
    throw new StudioError(
      'recipe',
      `recipe: rank of tables — expected whole ones (${WHOLE_RANK}) where no step trains the student's own weights, got ${recipe.tableRank}. Ask for a smaller share of steps before the polish (compactor share, or that over which gates close), or leave the tables whole.`,
      { recipe },
    );
  if (traitsOf(recipe).ownDecoder === true && recipe.tied)
    throw new StudioError(
      'recipe',
      `recipe: tied — expected an untied decoder in ${recipe.mode} mode, whose decoder has a compactor of its own, got tied. Choose untied, or mode ${DEFAULT_MODE}.`,
      { recipe },
    );
}

/** Whether a recipe has steps on the student's own weights, which tables of low rank are for. A mode that knows no such tables does not mind. */
function trainsOwnWeights(recipe: Recipe): boolean {
  if (!isRead(recipe, 'tableRank')) return true;
  const before = (['compactorShare', 'rampShare'] as const).find((share) => isRead(recipe, share));
  return before === undefined || Math.round(recipe.steps * recipe[before]) < recipe.steps;
}
