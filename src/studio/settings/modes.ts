/**
 * What page, terminal and session must know of a method without loading it: this file imports nothing. What a method does is
 * `studio/methods/NAME.ts`.
 */
export interface ModeTraits {
  /** On the page. */
  readonly label: string;
  /** In the terminal's help. */
  readonly help: string;
  /** Whether its student inherits weights by compactors or gates (docs/method.md section 5), as no baseline does. */
  readonly inherits: boolean;
  /** Whether its decoder has a compactor of its own, and so cannot be tied to the word table. */
  readonly ownDecoder: boolean;
  /** Whether a student is made from the teacher's activations before the first step, which takes a while. */
  readonly calibrates: boolean;
  /** Whether its layers may be learned mixtures of the teacher's. */
  readonly mixtures?: true;
  /** Why it makes no students for vectors of sentences, in words; left out if it does. */
  readonly wordsAlone?: string;
  /** What its steps do that no student is without, in words; left out if its start is a student, and 0 steps leave that. */
  readonly needsSteps?: string;
  /** Settings that mean nothing in some other mode, and something in this one. */
  readonly reads: readonly string[];
}

/** Read by every mode but the published one, which has settings of its own. */
const OWN_WEIGHTS = ['polishLearningRate', 'warmup', 'warmupSteps', 'weightDecay', 'beta2', 'calibrationTokens', 'tableRank'];

/** The part of a recipe that holds the settings of the published method. */
export const PUBLISHED_SETTINGS = 'paper';

const TRAITS = {
  calibrated: {
    label: 'Inherit (WID)',
    help: 'WID from closed forms',
    inherits: true,
    mixtures: true,
    ownDecoder: false,
    calibrates: true,
    reads: [
      ...OWN_WEIGHTS,
      'compactorLearningRate',
      'compactorShare',
      'rank',
      'teacherLearningRate',
      'guidance',
      'predicted',
      'keptStates',
      'distillationTemperature',
      'calibration',
      'depth',
    ],
  },
  paper: {
    label: 'Inherit, as published',
    help: 'WID as published',
    inherits: true,
    ownDecoder: true,
    calibrates: false,
    wordsAlone: 'which squeezes a teacher with its head for masked words',
    needsSteps: 'whose steps squeeze the teacher',
    reads: [PUBLISHED_SETTINGS, 'calibration', 'depth'],
  },
  progressive: {
    label: 'Squeeze step by step',
    help: 'gates that close step by step',
    inherits: true,
    ownDecoder: false,
    calibrates: true,
    wordsAlone: 'which squeezes a teacher with its head for masked words',
    needsSteps: 'whose steps close the gates',
    reads: [...OWN_WEIGHTS, 'rampShare', 'calibration', 'depth'],
  },
  prune: {
    label: 'Prune only',
    help: 'a selection of weights, trained',
    inherits: false,
    ownDecoder: false,
    calibrates: true,
    reads: [...OWN_WEIGHTS, 'start', 'calibration', 'depth'],
  },
  distil: {
    label: 'Distil logits',
    help: "a selection of weights that learns from the teacher's logits",
    inherits: false,
    ownDecoder: false,
    calibrates: true,
    reads: [
      ...OWN_WEIGHTS,
      'start',
      'predicted',
      'distillationTemperature',
      'distillationShare',
      'distillationHidden',
      'calibration',
      'depth',
    ],
  },
  scratch: {
    label: 'From scratch',
    help: 'random weights',
    inherits: false,
    ownDecoder: false,
    calibrates: false,
    needsSteps: 'whose start is random weights',
    reads: OWN_WEIGHTS,
  },
} satisfies Readonly<Record<string, ModeTraits>>;

/** The methods by name, in the order in which they are offered. */
export const MODE_TRAITS: Readonly<Record<string, ModeTraits>> = TRAITS;
export const MODES: readonly string[] = Object.keys(TRAITS);

/** Those whose start is a student. */
export const STEPLESS: readonly string[] = MODES.filter((mode) => MODE_TRAITS[mode]?.needsSteps === undefined);

/** What a recipe starts with when nothing else is said. */
export const DEFAULT_MODE = 'calibrated' satisfies keyof typeof TRAITS;

const SPECIAL: ReadonlySet<string> = new Set(Object.values(TRAITS).flatMap(({ reads }) => reads));

/** The traits of a recipe's method; of one that this build does not have, nothing. */
export function traitsOf({ mode }: { readonly mode: string }): Partial<ModeTraits> {
  return Object.hasOwn(MODE_TRAITS, mode) ? (MODE_TRAITS[mode] ?? {}) : {};
}

/** Whether a setting changes anything in a recipe of this mode. */
export function isRead(recipe: { readonly mode: string }, setting: string): boolean {
  return !SPECIAL.has(setting) || traitsOf(recipe).reads?.includes(setting) === true;
}
