import { StudioError } from '../../tensor/studioError.ts';
import type { PlanOptions } from '../../graph/plan.ts';
import { sizeInWords } from '../../tensor/bytes.ts';
import type { Recipe } from '../api/recipe.ts';
import { presetShape } from '../recipe/presets.ts';
import { isRead, MODE_TRAITS, traitsOf } from '../settings/modes.ts';
import { SETTINGS } from '../settings/settings.ts';
import type { Setting } from '../settings/setting.ts';
import type { Teacher } from '../teacher/teacher.ts';
import { METHODS } from './registry.ts';
import { stepCosts } from './stepCost.ts';

/** One change of a recipe, and what its largest phase then takes. */
export interface MemorySaving {
  readonly what: string;
  readonly bytes: number;
}

/** Changes that are named. */
const NAMED = 3;
/** A change that saves a smaller part than this is not worth naming. */
const WORTH = 0.1;

/** Memory of the largest phase's step, in bytes, by its plan. */
export function plannedBytes(teacher: Teacher, recipe: Recipe, options: PlanOptions): number {
  return Math.max(0, ...stepCosts(teacher, recipe, options).map(({ bytes }) => bytes));
}

/**
 * Single changes of a recipe that lower its memory, what lowers it most first: every method of its kind, every setting that decides over memory, a
 * smaller student. Each is planned in full, so this takes as long as planning the recipe for each.
 */
export function memorySavings(teacher: Teacher, recipe: Recipe, options: PlanOptions): readonly MemorySaving[] {
  const now = plannedBytes(teacher, recipe, options);
  return alternatives(teacher, recipe)
    .flatMap(([what, changed]) => {
      const bytes = bytesOf(teacher, changed, options);
      return bytes === undefined || bytes > (1 - WORTH) * now ? [] : [{ what, bytes }];
    })
    .toSorted((a, b) => a.bytes - b.bytes);
}

/** What would lower a recipe's memory most, as sentences: `Planned: 3.0 GB. Less takes: a batch of 1, 2.5 GB.` */
export function memoryAdvice(teacher: Teacher, recipe: Recipe, options: PlanOptions): string {
  const planned = `A step of this recipe takes ${sizeInWords(plannedBytes(teacher, recipe, options))} by its plan.`;
  const named = memorySavings(teacher, recipe, options).slice(0, NAMED);
  if (named.length === 0) return `${planned} No single change of it takes much less: choose a smaller teacher.`;
  return `${planned} What lowers it most: ${named.map(({ what, bytes }) => `${what} (${sizeInWords(bytes)})`).join(', ')}.`;
}

function alternatives(teacher: Teacher, recipe: Recipe): readonly (readonly [string, Recipe])[] {
  // A baseline is no way to inherit with less memory, nor the other way round.
  const alike = METHODS.filter(({ name }) => name !== recipe.mode && MODE_TRAITS[name]?.inherits === traitsOf(recipe).inherits);
  const methods = alike.map(({ name }) => [`the method “${MODE_TRAITS[name]?.label ?? name}”`, { ...recipe, mode: name }] as const);
  const table: Readonly<Record<string, Setting>> = SETTINGS;
  const settings = Object.entries(table).flatMap(([name, setting]) =>
    setting.kind === 'number' && setting.lean !== undefined && isRead(recipe, name)
      ? [[`${setting.label} ${setting.lean}`, { ...recipe, [name]: setting.lean }] as const]
      : [],
  );
  const { shape } = teacher.report;
  const smaller = { ...presetShape(shape, 'quarter'), layers: recipe.student.layers };
  const student =
    smaller.hiddenSize < recipe.student.hiddenSize
      ? ([[`a student ${smaller.hiddenSize} wide`, { ...recipe, student: smaller }]] as const)
      : [];
  return [...methods, ...settings, ...student];
}

/** Nothing for what is no legal recipe of this teacher. */
function bytesOf(teacher: Teacher, recipe: Recipe, options: PlanOptions): number | undefined {
  try {
    return plannedBytes(teacher, recipe, options);
  } catch (error) {
    if (error instanceof StudioError) return undefined;
    throw error;
  }
}
