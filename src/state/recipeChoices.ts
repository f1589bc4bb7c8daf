import type { ModelShape, Recipe, ShapeDefaults, TeacherShape } from '../studio/api/recipe.ts';
import { isRead, PUBLISHED_SETTINGS, traitsOf } from '../studio/settings/modes.ts';
import type { TeacherReport } from '../studio/api/teacher.ts';
import { isOnlyShallower } from '../studio/settings/settings.ts';
import type { DefaultsByShape } from './setupStore.ts';
import {
  CHOICE_NAMES,
  NUMBER_NAMES,
  PAPER_NAMES,
  SWITCH_NAMES,
  withChoice,
  withNumber,
  withPaperNumber,
  type ChoiceName,
} from './recipeFields.ts';

/** The student's sizes that a user turns. */
export type ShapeControl = 'hiddenSize' | 'layers' | 'heads' | 'headSize' | 'intermediateSize';

function multiples(step: number, most: number): number[] {
  const values = Array.from({ length: Math.floor(most / step) }, (_, i) => (i + 1) * step);
  return values.at(-1) === most ? values : [...values, most];
}

/** Legal values of one control, in order: at most the teacher's, and always heads x head size = width. */
export function legalValues(control: ShapeControl, teacher: TeacherShape, student: ModelShape): number[] {
  switch (control) {
    case 'layers':
      return multiples(1, teacher.layers);
    case 'heads':
      return multiples(1, teacher.heads);
    case 'headSize':
      if (teacher.wholeHeads === true) return [teacher.headSize];
      return multiples(teacher.headSize >= 16 ? 4 : 1, teacher.headSize);
    case 'hiddenSize':
      if (teacher.wholeHeads === true) return legalValues('heads', teacher, student).map((heads) => heads * teacher.headSize);
      return legalValues('headSize', teacher, student).map((size) => size * student.heads);
    case 'intermediateSize':
      return multiples(Math.max(1, Math.round(teacher.intermediateSize / 32)), teacher.intermediateSize);
  }
}

export function nearest(values: readonly number[], wanted: number): number {
  return values.reduce((best, value) => (Math.abs(value - wanted) < Math.abs(best - wanted) ? value : best), values[0] ?? wanted);
}

/** The student with one size changed to the nearest legal value; the width follows heads and head size, or the heads the width if they stay whole. */
export function withSize(teacher: TeacherShape, student: ModelShape, control: ShapeControl, wanted: number): ModelShape {
  const value = nearest(legalValues(control, teacher, student), wanted);
  const byWidth = teacher.wholeHeads === true ? { heads: value / teacher.headSize } : { headSize: value / student.heads };
  const changed = { ...student, ...(control === 'hiddenSize' ? byWidth : { [control]: value }) };
  return { ...changed, hiddenSize: changed.heads * changed.headSize };
}

function defaultsOf(student: ModelShape, teacher: ModelShape, byShape: DefaultsByShape): ShapeDefaults {
  return isOnlyShallower(teacher, student) ? byShape.onlyShallower : byShape.narrower;
}

/** The recipe for another student. What depends on its shape follows, unless the user has set it. */
export function withStudent(recipe: Recipe, student: ModelShape, teacher: ModelShape, byShape: DefaultsByShape): Recipe {
  const before = defaultsOf(recipe.student, teacher, byShape);
  const now = defaultsOf(student, teacher, byShape);
  return {
    ...recipe,
    student,
    guidance: recipe.guidance === before.guidance ? now.guidance : recipe.guidance,
    distillationShare: recipe.distillationShare === before.distillationShare ? now.distillationShare : recipe.distillationShare,
    tied: recipe.tied === before.tied && traitsOf(recipe).ownDecoder !== true ? now.tied : recipe.tied,
  };
}

/** The recipe with one choice made. A method that follows one with a decoder of its own is tied or not as its student's shape asks. */
export function choose(recipe: Recipe, name: ChoiceName, word: string, teacher: ModelShape, byShape: DefaultsByShape): Recipe {
  const chosen = withChoice(recipe, name, word);
  const sharesAgain = traitsOf(recipe).ownDecoder === true && traitsOf(chosen).ownDecoder !== true;
  return sharesAgain ? { ...chosen, tied: defaultsOf(chosen.student, teacher, byShape).tied } : chosen;
}

const SIZES = ['layers', 'heads', 'headSize', 'intermediateSize'] as const;

/** The whole recipe as the address bar's hash, so that a link shares it whatever the defaults become. */
export function recipeToHash(recipe: Recipe): string {
  const fields = new URLSearchParams();
  for (const size of SIZES) fields.set(size, String(recipe.student[size]));
  for (const name of [...NUMBER_NAMES, ...CHOICE_NAMES, ...SWITCH_NAMES]) fields.set(name, String(recipe[name]));
  if (isRead(recipe, PUBLISHED_SETTINGS)) for (const name of PAPER_NAMES) fields.set(`paper.${name}`, String(recipe.paper[name]));
  return fields.toString();
}

/**
 * `recipe` with whatever the hash names, brought into its legal range. What depends on the student's shape follows it, as in
 * {@link withStudent}; anything else is left alone.
 */
export function recipeFromHash(
  hash: string,
  recipe: Recipe,
  { shape: teacher, maxPositions }: Pick<TeacherReport, 'shape' | 'maxPositions'>,
  byShape: DefaultsByShape,
): Recipe {
  const fields = new URLSearchParams(hash.replace(/^#/, ''));
  const sizes = { ...recipe.student };
  for (const size of SIZES) {
    const value = Number(fields.get(size) ?? Number.NaN);
    if (Number.isInteger(value) && value >= 1 && value <= teacher[size]) sizes[size] = value;
  }
  if (teacher.wholeHeads === true) sizes.headSize = teacher.headSize;
  let named = withStudent(recipe, { ...sizes, hiddenSize: sizes.heads * sizes.headSize }, teacher, byShape);
  // Before the numbers: which of them are legal may depend on the method.
  for (const name of CHOICE_NAMES) named = withChoice(named, name, fields.get(name));
  for (const name of NUMBER_NAMES) {
    const value = Number(fields.get(name) ?? Number.NaN);
    if (Number.isFinite(value)) named = withNumber(named, name, value, maxPositions);
  }
  for (const name of PAPER_NAMES) {
    const value = Number(fields.get(`paper.${name}`) ?? Number.NaN);
    if (Number.isFinite(value)) named = withPaperNumber(named, name, value);
  }
  for (const name of SWITCH_NAMES) if (fields.has(name)) named = { ...named, [name]: fields.get(name) === 'true' };
  return named;
}
