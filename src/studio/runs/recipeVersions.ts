import { PUBLISHED } from '../../wid/paper/settings.ts';
import { defaultRecipe } from '../recipe/recipe.ts';
import { earlierOf } from '../settings/setting.ts';
import { SETTINGS } from '../settings/settings.ts';
import type { Recipe } from '../api/recipe.ts';
import { refusal } from './sealedFile.ts';

/** Recipe fields that the first checkpoints had. Later ones never go here: their row has an `earlier`. */
type FirstFields =
  | 'mode'
  | 'start'
  | 'student'
  | 'tied'
  | 'steps'
  | 'batch'
  | 'sequence'
  | 'compactorShare'
  | 'compactorLearningRate'
  | 'polishLearningRate'
  | 'warmup'
  | 'weightDecay'
  | 'clipNorm'
  | 'calibration'
  | 'calibrationTokens'
  | 'distillationTemperature'
  | 'distillationShare'
  | 'evaluateEvery'
  | 'seed';

/**
 * What the runs of builds that did not know a field yet did. The compiler asks for the `earlier` of every setting that is
 * added to the table.
 */
const BEFORE: Required<Omit<Recipe, FirstFields>> = { ...earlierOf(SETTINGS), paper: PUBLISHED };

const ANY_TEACHER = {
  shape: { layers: 2, hiddenSize: 128, heads: 2, headSize: 64, intermediateSize: 512 },
  maxPositions: 512,
  tiedDecoder: true,
};

/** The same fields, and for those that a build before them could not write, what that build did. */
export function withEarlierFields(kept: object): Record<string, unknown> {
  return { ...BEFORE, ...kept };
}

/**
 * A recipe as an older build kept it, brought up to date.
 * @throws StudioError naming a field that this build does not know, or one that is missing
 */
export function recipeFrom(name: string, kept: object): Recipe {
  const known = defaultRecipe(ANY_TEACHER);
  const whole = { ...BEFORE, ...kept };
  for (const field of Object.keys(whole))
    if (!(field in known) && !(field in BEFORE))
      throw refusal(name, 'a recipe that this WID Studio knows', `one with "${field}", which a newer one wrote; update this one`);
  for (const field of Object.keys(known)) if (!(field in whole)) throw refusal(name, `a recipe with "${field}"`, 'one without it');
  // Every field of today is there: the loops above would have refused it.
  return { ...known, ...whole };
}
