import { PUBLISHED } from '../../wid/paper/settings.ts';
import { defaultRecipe } from '../recipe/recipe.ts';
import type { Recipe } from '../api/recipe.ts';
import { refusal } from './sealedFile.ts';

/** Recipe fields that the first checkpoints had. Later ones do not go here but below. */
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
 * What the runs of builds that did not know a field yet did: not the default of today, but the value that gives the same
 * run. The compiler asks for a line here for every field that is added to {@link Recipe}.
 */
const BEFORE: Required<Omit<Recipe, FirstFields>> = {
  decay: 'linear',
  accumulation: 1,
  distillationHidden: 0,
  masking: 0.15,
  wholeWords: false,
  teacherLearningRate: 0,
  guidance: 0,
  depth: 'even',
  paper: PUBLISHED,
  rampShare: 0.5,
};

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
