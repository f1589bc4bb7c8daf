import { PUBLISHED } from '../../src/wid/paper/settings.ts';
import type { ModelShape, Recipe } from '../../src/studio/studioApi.ts';
import type { CellResult } from './results.ts';

/** The ways to a student that the table compares; all but the first few are baselines of the same trainer. */
export const VARIANTS = {
  calibrated: { title: 'calibrated, compactors trained', mode: 'calibrated', compactorShare: 1, rates: [5e-5, 1e-4, 2e-4, 4e-4] },
  polished: {
    title: 'calibrated, no compactor training (= prune from the calibrated start)',
    mode: 'calibrated',
    compactorShare: 0,
    rates: [3e-5, 1e-4, 3e-4, 1e-3],
  },
  halves: { title: 'calibrated, half compactors, half polish', mode: 'calibrated', compactorShare: 0.5, rates: [5e-5, 1e-4] },
  prune: { title: 'prune (plain selection)', mode: 'prune', start: 'selection', rates: [3e-4, 1e-3, 3e-3] },
  distil: { title: 'distil (plain selection)', mode: 'distil', start: 'selection', rates: [3e-4, 1e-3, 3e-3] },
  distilCalibrated: { title: 'distil from the calibrated start', mode: 'distil', start: 'calibrated', rates: [3e-5, 1e-4, 3e-4, 1e-3] },
  scratch: { title: 'scratch', mode: 'scratch', rates: [1e-3, 3e-3] },
  paper: { title: 'paper (published schedule, spacing scaled to the run)', mode: 'paper', rates: [5e-5, 1e-3, 3e-3] },
} as const satisfies Readonly<Record<string, VariantSettings>>;

interface VariantSettings extends Partial<Pick<Recipe, 'mode' | 'start' | 'compactorShare'>> {
  readonly title: string;
  /** Peak rates to try, ascending: of the compactors where they are trained, else of the student's own weights. */
  readonly rates: readonly number[];
}

export type Variant = keyof typeof VARIANTS;
export const VARIANT_NAMES: readonly Variant[] = [
  'calibrated',
  'prune',
  'scratch',
  'distil',
  'polished',
  'halves',
  'distilCalibrated',
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

export function recipeOf(defaults: Recipe, teacher: ModelShape, { variant, shape, steps, rate, seed, change }: Cell): Recipe {
  const { mode, ...settings }: VariantSettings = VARIANTS[variant];
  return {
    ...defaults,
    mode: mode ?? 'calibrated',
    ...(settings.start === undefined ? {} : { start: settings.start }),
    ...(settings.compactorShare === undefined ? {} : { compactorShare: settings.compactorShare }),
    student: shapeOf(teacher, shape),
    steps,
    batch: 8,
    compactorLearningRate: rate,
    polishLearningRate: rate,
    // The published rate is the first of the three; the rest of the schedule stays as published.
    paper: { ...defaults.paper, compactorLearningRate: rate },
    evaluateEvery: Math.max(1, Math.round(steps / 5)),
    seed,
    ...change,
  };
}

/** The best rate so far of a variant at a budget on half width, seed 1, by held-out loss; undefined before its sweep is done. */
export function bestRate(results: readonly CellResult[], variant: Variant, steps: number): number | undefined {
  const tried = results.filter(
    ({ cell }) =>
      cell.variant === variant && cell.steps === steps && cell.shape === 'half' && cell.seed === 1 && Object.keys(cell.change).length === 0,
  );
  return tried.toSorted((a, b) => a.loss.mean - b.loss.mean)[0]?.cell.rate;
}

/** What a longer run tries: the best of the shorter one's rates and its neighbours. */
function neighbours(variant: Variant, rate: number): number[] {
  const rates: readonly number[] = VARIANTS[variant].rates;
  const at = rates.indexOf(rate);
  return rates.filter((_, index) => Math.abs(index - at) <= 1);
}

/**
 * All runs in order of their worth. It grows as results come in: rates found at a budget on half width are used for
 * the other shapes, and their neighbours are tried at the next budget.
 */
export function planned(results: readonly CellResult[]): Cell[] {
  const cells: Cell[] = [];
  const sweep = (steps: number, rates: (variant: Variant) => readonly number[]): void => {
    for (const variant of VARIANT_NAMES) for (const rate of rates(variant)) cells.push(cell(variant, 'half', steps, rate, 1));
  };
  const others = (steps: number, tunedAt: number, shapes: readonly ShapeName[], seed: number): void => {
    for (const shape of shapes)
      for (const variant of VARIANT_NAMES) {
        const rate = bestRate(results, variant, tunedAt);
        if (rate !== undefined) cells.push(cell(variant, shape, steps, rate, seed));
      }
  };
  const around = (variant: Variant): readonly number[] => {
    const rate = bestRate(results, variant, 100);
    return rate === undefined ? [] : neighbours(variant, rate);
  };
  sweep(100, (variant) => (variant === 'paper' ? [] : VARIANTS[variant].rates));
  others(100, 100, ['quarter', 'depth'], 1);
  for (const shape of ['half', 'quarter', 'depth'] as const) others(300, 100, [shape], 1);
  sweep(100, (variant) => (variant === 'paper' ? VARIANTS.paper.rates : []));
  const rate = bestRate(results, 'calibrated', 100);
  if (rate !== undefined) {
    for (const calibrationTokens of [2048, 4096, 24_576]) cells.push(cell('calibrated', 'half', 100, rate, 1, { calibrationTokens }));
    for (const warmup of [0, 0.3]) cells.push(cell('calibrated', 'half', 100, rate, 1, { warmup }));
    cells.push(cell('calibrated', 'half', 100, rate, 1, { tied: true }), cell('calibrated', 'half', 100, rate, 1, { decay: 'cosine' }));
  }
  sweep(300, around);
  others(300, 300, ['quarter', 'depth'], 1);
  others(1000, 300, ['half', 'quarter', 'depth'], 1);
  // The published spacing of mask events, as far as 1,000 steps go.
  cells.push(cell('paper', 'half', 1000, 5e-5, 1, { paper: { ...PUBLISHED, maskEvery: 500 } }));
  for (const seed of [2, 3]) for (const steps of [100, 300]) others(steps, steps, ['half', 'quarter', 'depth'], seed);
  for (const seed of [2, 3]) others(1000, 300, ['half', 'quarter', 'depth'], seed);
  return cells;
}
