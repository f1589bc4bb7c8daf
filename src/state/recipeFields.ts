import type { PaperRecipe, Recipe } from '../studio/api/recipe.ts';
import { isRead, MODE_TRAITS, MODES, PUBLISHED_SETTINGS, traitsOf } from '../studio/settings/modes.ts';

/** Parts of a recipe that are numbers to type. */
export type NumberName = {
  [Name in keyof Recipe]: Recipe[Name] extends number ? Name : never;
}[keyof Recipe];

export interface NumberRule {
  readonly name: string;
  readonly least: number;
  /** `positions`: the teacher's. */
  readonly most: number | 'positions';
  readonly whole: boolean;
  /** Shown with the first fields; the others stand under "More". */
  readonly first: boolean;
}

const rate = (name: string, least = 1e-7): NumberRule => ({ name, least, most: 0.1, whole: false, first: true });
const count = (name: string, most: number | 'positions', first: boolean, least = 1): NumberRule => ({
  name,
  least,
  most,
  whole: true,
  first,
});
const share = (name: string, least: number, most: number): NumberRule => ({ name, least, most, whole: false, first: false });

export const NUMBERS: Readonly<Record<NumberName, NumberRule>> = {
  steps: count('Steps', 1_000_000, true),
  batch: count('Batch', 1024, true),
  sequence: count('Length', 'positions', true, 8),
  evaluateEvery: count('Evaluate every', 1_000_000, true),
  compactorLearningRate: rate('Compactor rate'),
  polishLearningRate: rate('Own-weights rate'),
  compactorShare: share('Compactor share', 0, 1),
  rampShare: share('Gates close over', 0, 1),
  teacherLearningRate: { ...rate('Teacher rate', 0), first: false },
  guidance: share("Teacher's logits", 0, 1),
  warmup: share('Warm-up share', 0, 1),
  accumulation: count('Micro-batches', 1024, false),
  masking: share('Masked share', 0.01, 0.5),
  weightDecay: share('Weight decay', 0, 1),
  clipNorm: share('Clip norm', 0.01, 1000),
  calibrationTokens: count('Calibration tokens', 10_000_000, false, 256),
  distillationTemperature: share('Temperature', 0.1, 20),
  distillationShare: share('Teacher share', 0, 1),
  distillationHidden: share('Hidden states', 0, 100),
  seed: count('Seed', 2 ** 31 - 1, true),
};

export const NUMBER_NAMES = [
  'steps',
  'batch',
  'sequence',
  'evaluateEvery',
  'compactorLearningRate',
  'polishLearningRate',
  'seed',
  'compactorShare',
  'rampShare',
  'teacherLearningRate',
  'guidance',
  'warmup',
  'accumulation',
  'masking',
  'weightDecay',
  'clipNorm',
  'calibrationTokens',
  'distillationTemperature',
  'distillationShare',
  'distillationHidden',
] as const satisfies readonly NumberName[];

/** Parts of a recipe that are one of a few words. */
export const CHOICES = {
  mode: {
    name: 'Method',
    first: true,
    words: Object.fromEntries(MODES.map((mode) => [mode, MODE_TRAITS[mode]?.label ?? mode])),
  },
  calibration: {
    name: 'Closed-form start',
    first: true,
    words: { sequential: 'Layer by layer', 'one-pass': 'One pass, faster' },
  },
  start: { name: 'Baselines start', first: false, words: { selection: 'From a selection', calibrated: 'Calibrated' } },
  depth: {
    name: 'Fewer layers',
    first: false,
    words: { first: 'Evenly, from the first', even: 'Evenly, to the last', mixture: 'Learned mixtures' },
  },
  decay: { name: 'Rate falls', first: false, words: { linear: 'Straight line', cosine: 'Cosine' } },
} as const;

export type ChoiceName = keyof typeof CHOICES;
export const CHOICE_NAMES = ['mode', 'calibration', 'start', 'depth', 'decay'] as const satisfies readonly ChoiceName[];

/** Parts of a recipe that are yes or no. */
export const SWITCHES = { tied: 'Tie the decoder to the word table', wholeWords: 'Mask whole words' } as const;
export type SwitchName = keyof typeof SWITCHES;
export const SWITCH_NAMES = ['tied', 'wholeWords'] as const satisfies readonly SwitchName[];

/** Whether the settings of the published method are worth showing. */
export function showsPublished(recipe: Recipe): boolean {
  return isRead(recipe, PUBLISHED_SETTINGS);
}

/** Whether a setting changes anything in the recipe's mode, and is worth showing. */
export function matters(name: NumberName | ChoiceName, recipe: Recipe): boolean {
  return isRead(recipe, name);
}

function divisorNear(total: number, wanted: number): number {
  let best = 1;
  for (let part = 1; part <= total; part++) if (total % part === 0 && Math.abs(part - wanted) < Math.abs(best - wanted)) best = part;
  return best;
}

function bounded({ least, most, whole }: NumberRule, typed: number, maxPositions: number): number {
  const value = Math.min(most === 'positions' ? maxPositions : most, Math.max(least, typed));
  return whole ? Math.round(value) : value;
}

/** The recipe with one number brought into its legal range; micro-batches divide the batch. */
export function withNumber(recipe: Recipe, name: NumberName, typed: number, maxPositions: number): Recipe {
  const changed = { ...recipe, [name]: bounded(NUMBERS[name], typed, maxPositions) };
  return { ...changed, accumulation: divisorNear(changed.batch, changed.accumulation) };
}

/** The recipe with one choice made, or as it is where the word is none of the choices. */
export function withChoice(recipe: Recipe, name: ChoiceName, word: string | null): Recipe {
  if (word === null || !Object.hasOwn(CHOICES[name].words, word)) return recipe;
  const chosen = { ...recipe, [name]: word };
  return name === 'mode' && traitsOf(chosen).ownDecoder === true ? { ...chosen, tied: false } : chosen;
}

/** Settings of the published method alone. */
export const PAPER_NUMBERS: Readonly<Record<keyof PaperRecipe, NumberRule>> = {
  compactorLearningRate: rate('Compactor rate'),
  weightLearningRate: rate('Weight rate', 0),
  maskEvery: count('Mask every', 1_000_000, false, 0),
  penalty: share('Penalty', 0, 1000),
  warmup: share('Warm-up share', 0, 1),
  weightDecay: share('Weight decay', 0, 1),
};
export const PAPER_NAMES = [
  'compactorLearningRate',
  'weightLearningRate',
  'maskEvery',
  'penalty',
  'warmup',
  'weightDecay',
] as const satisfies readonly (keyof PaperRecipe)[];

export function withPaperNumber(recipe: Recipe, name: keyof PaperRecipe, typed: number): Recipe {
  return { ...recipe, paper: { ...recipe.paper, [name]: bounded(PAPER_NUMBERS[name], typed, Infinity) } };
}
