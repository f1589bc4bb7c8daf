import { defaultRecipe } from '../../src/studio/recipe/recipe.ts';
import type { TeacherTraits } from '../../src/studio/settings/setting.ts';
import { PUBLISHED } from '../../src/wid/paper/settings.ts';
import type { ModelShape, Recipe } from '../../src/studio/api/recipe.ts';
import type { CellResult } from './results.ts';

/** The ways to a student that the table compares; all but the first few are baselines of the same trainer. */
export const VARIANTS = {
  guided: {
    title: 'calibrated, guided by the teacher (the default)',
    mode: 'calibrated',
    compactorShare: 1,
    guidance: 'usual',
    ladder: 'compactors',
    first: 2e-4,
  },
  calibrated: {
    title: "calibrated, without the teacher's logits",
    mode: 'calibrated',
    compactorShare: 1,
    ladder: 'compactors',
    first: 1e-4,
  },
  polished: {
    title: 'calibrated, no compactor training (= prune from the calibrated start)',
    mode: 'calibrated',
    compactorShare: 0,
    ladder: 'weights',
    first: 1e-4,
  },
  halves: {
    title: 'calibrated, half compactors, half polish',
    mode: 'calibrated',
    compactorShare: 0.5,
    ladder: 'compactors',
    first: 1e-4,
  },
  prune: { title: 'prune (plain selection)', mode: 'prune', start: 'selection', ladder: 'weights', first: 1e-3 },
  distil: { title: 'distil (plain selection)', mode: 'distil', start: 'selection', ladder: 'weights', first: 3e-3 },
  distilCalibrated: { title: 'distil from the calibrated start', mode: 'distil', start: 'calibrated', ladder: 'weights', first: 3e-4 },
  scratch: { title: 'scratch', mode: 'scratch', ladder: 'weights', first: 1e-3 },
  progressive: { title: 'progressive (gates)', mode: 'progressive', ladder: 'weights', first: 3e-4 },
  paper: { title: 'paper (published schedule, spacing scaled to the run)', mode: 'paper', ladder: 'weights', first: 1e-3 },
} as const satisfies Readonly<Record<string, VariantSettings>>;

/** Where the search begins at half depth at most, by ladder. */
const DEPTH_FIRST = { compactors: 1e-4, weights: 3e-4 } as const;

/** Peak rates that may be tried, ascending: compactors are more sensitive, their steps are finer. */
const LADDERS = {
  compactors: [2.5e-5, 5e-5, 1e-4, 2e-4, 4e-4, 8e-4, 1.6e-3, 3.2e-3],
  weights: [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2],
} as const;

interface VariantSettings extends Partial<Pick<Recipe, 'mode' | 'start' | 'compactorShare'>> {
  readonly title: string;
  /** As it is by default for the student's shape; the loss is the text's alone where left out. */
  readonly guidance?: 'usual';
  readonly ladder: keyof typeof LADDERS;
  /** Where the search begins when nothing of this way is known. */
  readonly first: number;
}

export type Variant = keyof typeof VARIANTS;
/** What the others are compared with: a run as it is by default. */
export const OURS: Variant = 'guided';

export const VARIANT_NAMES: readonly Variant[] = [
  'guided',
  'calibrated',
  'prune',
  'scratch',
  'distil',
  'polished',
  'halves',
  'distilCalibrated',
  'progressive',
  'paper',
];

export type ShapeName = 'half' | 'quarter' | 'depth';
export const SHAPE_TITLES: Readonly<Record<ShapeName, string>> = {
  half: 'half width, head size and FFN',
  quarter: 'quarter width, head size and FFN',
  depth: 'half depth',
};

export function shapeOf(teacher: ModelShape, name: ShapeName): ModelShape {
  if (name === 'depth') return { ...teacher, layers: Math.round(teacher.layers / 2) };
  const share = name === 'half' ? 2 : 4;
  const headSize = teacher.headSize / share;
  return { ...teacher, headSize, hiddenSize: headSize * teacher.heads, intermediateSize: teacher.intermediateSize / share };
}

/** One run of the table or of a sweep. */
export interface Cell {
  readonly id: string;
  readonly variant: Variant;
  readonly shape: ShapeName;
  readonly steps: number;
  readonly rate: number;
  readonly seed: number;
  /** Departures from the defaults that a sweep tries. */
  readonly change: Partial<Recipe>;
}

function cell(variant: Variant, shape: ShapeName, steps: number, rate: number, seed: number, change: Partial<Recipe> = {}): Cell {
  const named = { ...change, ...(change.paper === undefined ? {} : { paper: `every${change.paper.maskEvery}` }) };
  const changes = Object.entries(named).map(([name, value]) => `-${name}${JSON.stringify(value).replaceAll('"', '')}`);
  return {
    id: `${shape}-${steps}-${variant}-${rate.toExponential()}-s${seed}${changes.join('')}`,
    variant,
    shape,
    steps,
    rate,
    seed,
    change,
  };
}

export function recipeOf(teacher: TeacherTraits, { variant, shape, steps, rate, seed, change }: Cell): Recipe {
  const { mode, ...settings }: VariantSettings = VARIANTS[variant];
  const student = shapeOf(teacher.shape, shape);
  const defaults = defaultRecipe(teacher, student);
  return {
    ...defaults,
    mode: mode ?? 'calibrated',
    ...(settings.start === undefined ? {} : { start: settings.start }),
    ...(settings.compactorShare === undefined ? {} : { compactorShare: settings.compactorShare }),
    // In all ways alike; a tied one is a departure, also where it is the default.
    tied: false,
    steps,
    batch: 8,
    compactorLearningRate: rate,
    // As in the default recipe, the teacher's own weights learn at the compactors' rate.
    teacherLearningRate: mode === 'calibrated' ? rate : 0,
    polishLearningRate: rate,
    guidance: settings.guidance === undefined ? 0 : defaults.guidance,
    // The published rate is the first of the three; the rest of the schedule stays as published.
    paper: { ...defaults.paper, compactorLearningRate: rate },
    evaluateEvery: Math.max(1, Math.round(steps / 5)),
    seed,
    ...change,
  };
}

/** Plain runs of a way at a budget, seed 1, the lowest held-out loss first. */
function tried(results: readonly CellResult[], variant: Variant, shape: ShapeName, steps: number): CellResult[] {
  return results
    .filter(
      ({ cell: c }) =>
        c.variant === variant && c.steps === steps && c.shape === shape && c.seed === 1 && Object.keys(c.change).length === 0,
    )
    .toSorted((a, b) => a.loss.mean - b.loss.mean);
}

/** Shares of the teacher's logits in the loss and temperatures that a sweep tries beside the default of the shape. */
const LOSSES = [
  [1, 1],
  [1, 2],
  [0.5, 1],
  [0.5, 2],
] as const;

/** Budgets of the table. */
export const BUDGETS = [100, 300, 1000] as const;

/** The best rate known for a way at a budget: of its own runs, else of the next smaller budget, else of half width. */
function bestRate(results: readonly CellResult[], variant: Variant, shape: ShapeName, steps: number): number {
  for (const known of [steps, ...BUDGETS.filter((budget) => budget < steps).toReversed()]) {
    const [best] = tried(results, variant, shape, known);
    if (best !== undefined) return best.cell.rate;
  }
  // A half-depth student starts close to the teacher: high rates would undo that.
  if (shape === 'depth') return Math.min(VARIANTS[variant].first, DEPTH_FIRST[VARIANTS[variant].ladder]);
  return shape === 'half' ? VARIANTS[variant].first : bestRate(results, variant, 'half', steps);
}

/** The rates of the ladder on either side of one. */
function neighbours(variant: Variant, rate: number): number[] {
  const rates: readonly number[] = LADDERS[VARIANTS[variant].ladder];
  const at = rates.indexOf(rate);
  return rates.filter((_, index) => Math.abs(index - at) === 1);
}

/** The next runs of a search that ends when both neighbours of the best rate were tried and were worse. */
function climb(results: readonly CellResult[], variant: Variant, shape: ShapeName, steps: number): Cell[] {
  const known = tried(results, variant, shape, steps);
  const rate = bestRate(results, variant, shape, steps);
  if (known.length === 0) return [cell(variant, shape, steps, rate, 1)];
  return neighbours(variant, rate).map((other) => cell(variant, shape, steps, other, 1));
}

export const SHAPES: readonly ShapeName[] = ['half', 'quarter', 'depth'];
const MAIN: readonly Variant[] = ['guided', 'calibrated', 'prune', 'distil', 'scratch'];
const STARTS: readonly Variant[] = ['polished', 'halves', 'distilCalibrated'];

/**
 * All runs in order of their worth. It grows as results come in: every way's rate is searched at 100 and 300 steps for
 * each shape, and 1,000 steps and further seeds use what was found.
 */
export function planned(results: readonly CellResult[]): Cell[] {
  const cells: Cell[] = [];
  const tuned = (variants: readonly Variant[], steps: number, shapes: readonly ShapeName[] = SHAPES): void => {
    for (const shape of shapes) for (const variant of variants) cells.push(...climb(results, variant, shape, steps));
  };
  const once = (variants: readonly Variant[], steps: number, seed: number, shapes: readonly ShapeName[] = SHAPES): void => {
    for (const shape of shapes)
      for (const variant of variants) cells.push(cell(variant, shape, steps, bestRate(results, variant, shape, steps), seed));
  };
  tuned(MAIN, 100);
  tuned(MAIN, 300);
  once(MAIN, 1000, 1);
  // The default's closest rival: its rate is searched at every budget.
  tuned(['distil'], 1000, ['quarter', 'half']);
  tuned(['distilCalibrated'], 300, ['quarter', 'half']);
  once(STARTS, 300, 1);
  // The baseline's own loss: other shares of the teacher's logits and temperatures, with the rate that the default likes.
  for (const [distillationShare, distillationTemperature] of LOSSES)
    for (const shape of ['quarter', 'half', 'depth'] as const) {
      if (distillationTemperature === 1 && distillationShare === (shape === 'depth' ? 0.5 : 1)) continue;
      cells.push(cell('distil', shape, 300, bestRate(results, 'distil', shape, 300), 1, { distillationShare, distillationTemperature }));
    }
  // How much of the default's loss comes from the teacher's logits: what suits the other shapes.
  for (const steps of BUDGETS)
    for (const [shape, guidance] of [
      ['depth', 1],
      ['quarter', 0.5],
      ['half', 0.5],
    ] as const)
      cells.push(cell('guided', shape, steps, bestRate(results, 'guided', shape, steps), 1, { guidance }));
  // An untied decoder makes a half-depth student larger than its teacher.
  for (const steps of BUDGETS) cells.push(cell('guided', 'depth', steps, bestRate(results, 'guided', 'depth', steps), 1, { tied: true }));
  const rate = bestRate(results, 'calibrated', 'half', 100);
  const changed = (change: Partial<Recipe>): void => void cells.push(cell('calibrated', 'half', 100, rate, 1, change));
  for (const calibrationTokens of [2048, 4096, 24_576]) changed({ calibrationTokens });
  for (const warmup of [0, 0.3]) changed({ warmup });
  changed({ tied: true });
  changed({ decay: 'cosine' });
  tuned(['progressive', 'paper'], 100);
  tuned(['paper', 'progressive'], 300);
  for (const seed of [2, 3]) for (const steps of [100, 300]) once(MAIN, steps, seed);
  tuned(STARTS, 100);
  once(STARTS, 1000, 1);
  // The published spacing of mask events, as far as 1,000 steps go.
  cells.push(cell('paper', 'half', 1000, 5e-5, 1, { paper: { ...PUBLISHED, maskEvery: 500 } }));
  once(['progressive', 'paper'], 1000, 1);
  for (const seed of [2, 3]) once(MAIN, 1000, seed);
  return cells;
}
