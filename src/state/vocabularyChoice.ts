import type { Recipe } from '../studio/api/recipe.ts';
import type { TeacherReport } from '../studio/api/teacher.ts';
import type { VocabularyCut } from '../studio/api/text.ts';

type Choice = Pick<Recipe, 'vocabulary' | 'vocabularyText'>;
type Vocabulary = Pick<TeacherReport, 'vocabularySize' | 'leastVocabulary' | 'cut'>;

/** What may be chosen: tokens in all, or beyond those of the text. */
export interface VocabularyRange {
  readonly least: number;
  readonly most: number;
}

/** Steps of the slider within a factor of ten. */
const STEPS = [1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8] as const;

function wholeSize({ vocabularySize, cut }: Vocabulary): number {
  return cut?.before ?? vocabularySize;
}

/** @param cut of the text at hand; without one, what the text needs is not known yet, and the session refuses what is too much */
export function vocabularyRange(teacher: Vocabulary, cut: VocabularyCut | undefined, { vocabularyText }: Choice): VocabularyRange {
  const all = wholeSize(teacher);
  const { leastVocabulary = 1 } = teacher;
  return vocabularyText ? { least: 0, most: all - (cut?.by?.ofText ?? leastVocabulary) } : { least: leastVocabulary, most: all };
}

/** Round numbers within a range, and its ends, rising. */
export function vocabularySizes({ least, most }: VocabularyRange): number[] {
  const between: number[] = [];
  for (let power = 10; power < most; power *= 10)
    for (const step of STEPS) if (step * power > least && step * power < most && Number.isInteger(step * power)) between.push(step * power);
  return [...new Set([least, ...between, most])];
}

/** The number that the page shows: a vocabulary that is not cut has its own size. */
export function vocabularyShown(teacher: Vocabulary, { vocabulary, vocabularyText }: Choice): number {
  return vocabulary === 0 && !vocabularyText ? wholeSize(teacher) : vocabulary;
}

/** A number brought into its range; the whole vocabulary is not cut. */
export function withVocabulary({ vocabularyText }: Choice, typed: number, { least, most }: VocabularyRange): Choice {
  const value = Math.min(most, Math.max(least, Math.round(typed)));
  return { vocabulary: !vocabularyText && value === most ? 0 : value, vocabularyText };
}

/** The words of the text alone, or as many in all as they were. */
export function withVocabularyText(beyond: boolean, cut: VocabularyCut | undefined): Choice {
  return { vocabulary: beyond ? 0 : (cut?.after ?? 0), vocabularyText: beyond };
}

/** A recipe, as of another teacher or a link, with a vocabulary that this teacher can have. */
export function withinVocabulary<Asked extends Choice>(recipe: Asked, teacher: Vocabulary): Asked {
  if (recipe.vocabulary === 0) return recipe;
  return { ...recipe, ...withVocabulary(recipe, recipe.vocabulary, vocabularyRange(teacher, undefined, recipe)) };
}
