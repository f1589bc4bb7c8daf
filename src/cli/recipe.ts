import type { ModelShape, Recipe } from '../studio/api/recipe.ts';
import type { VocabularyWish } from '../studio/api/text.ts';
import { isLegal, legalInWords, type Setting } from '../studio/settings/setting.ts';
import { traitsOf } from '../studio/settings/modes.ts';
import { PAPER_SETTINGS, SETTINGS } from '../studio/settings/settings.ts';
import type { StudioApi } from '../studio/studioApi.ts';
import { withEarlierFields } from '../studio/runs/recipeVersions.ts';
import { readJson } from './files.ts';
import { shapeWish, vocabularyWish, type StudentOptions, type TextOptions } from './options.ts';
import { givenSettings } from './settingOptions.ts';
import { UsageError } from './usage.ts';

/** Beside them, commander puts the options of the settings here, which {@link givenSettings} reads. */
export interface RecipeOptions extends StudentOptions, TextOptions {
  readonly recipe?: string;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Lays `given` over `defaults`; a name or kind of value that the defaults do not have is refused, so that no typing error is lost. */
function overlay<T extends object>(defaults: T, given: Record<string, unknown>, where: string): T {
  const known = new Map<string, unknown>(Object.entries(defaults));
  for (const [key, value] of Object.entries(given)) {
    const usual = known.get(key);
    if (usual === undefined) throw new UsageError(`${where}: expected ${[...known.keys()].join(', ')}, got ${key}. Take it out.`);
    if (typeof value !== typeof usual)
      throw new UsageError(`${where}.${key}: expected a ${typeof usual}, got ${JSON.stringify(value)}. Correct it.`);
    known.set(key, isObject(usual) && isObject(value) ? overlay(usual, value, `${where}.${key}`) : value);
  }
  return { ...defaults, ...Object.fromEntries(known) };
}

function check(table: Readonly<Record<string, Setting>>, values: object, where: string): void {
  for (const [name, setting] of Object.entries(table)) {
    const value: unknown = Reflect.get(values, name);
    if (!isLegal(setting, value))
      throw new UsageError(`${where}.${name}: expected ${legalInWords(setting)}, got ${String(value)}. Correct it.`);
  }
}

function fromFile(path: string, defaults: Recipe): Recipe {
  const json = readJson(path);
  // A run.json is whole as of its build; what is missing there is not today's default but what that build did.
  const recipe = isObject(json) && isObject(json['recipe']) ? withEarlierFields(json['recipe']) : json;
  if (!isObject(recipe)) throw new UsageError(`${path}: expected a recipe, got ${typeof json}. Give the run.json of a student.`);
  const whole = overlay(defaults, recipe, path);
  check(SETTINGS, whole, path);
  check(PAPER_SETTINGS, whole.paper, `${path}.paper`);
  return whole;
}

/** The vocabulary that the recipe of a run will ask for: it is cut before a student's size can be told. */
export async function wishedVocabulary(session: StudioApi, options: RecipeOptions): Promise<VocabularyWish> {
  if (options.recipe === undefined) return vocabularyWish(options);
  return vocabularyWish(options, fromFile(options.recipe, await session.defaults()));
}

/**
 * The recipe of a run: the teacher's defaults, then the file of `--recipe`, then the options.
 * Shape options replace the file's student as a whole.
 */
export async function recipeFrom(session: StudioApi, options: RecipeOptions): Promise<Recipe> {
  const wish = shapeWish(options);
  const shaped = (tied: boolean): Promise<ModelShape | undefined> =>
    wish === undefined ? Promise.resolve(undefined) : session.student(wish, tied);
  const defaults = await session.defaults();
  const base =
    options.recipe === undefined ? await session.defaults(await shaped(options.tied ?? defaults.tied)) : fromFile(options.recipe, defaults);
  const given = givenSettings(options);
  const usuallyTied = base.tied && (options.recipe !== undefined || traitsOf({ mode: given.mode ?? base.mode }).ownDecoder !== true);
  const tied = given.tied ?? usuallyTied;
  return { ...base, ...given, tied, student: (await shaped(tied)) ?? base.student };
}
