import type { BertModel } from '../../models/model.ts';
import type { Runnable } from '../../models/runnable.ts';
import type { Engine } from '../../engines/engine.ts';
import type { StepShape } from '../../tasks/task.ts';
import type { NamedTensors } from '../../tensor/tensor.ts';
import type { RateDecay } from '../../training/learningRate.ts';
import { DEFAULT_OPTIMISER, type OptimiserSettings, type Trainer } from '../../training/trainer.ts';
import type { TrainingGraph } from '../../training/trainingGraph.ts';
import type { SpaceNorms } from '../../wid/norms.ts';
import type { SpaceTable } from '../../wid/spaces.ts';
import type { PhaseName, Recipe } from '../api/recipe.ts';
import type { KeptHeads, Student } from '../student.ts';
import type { Teacher } from '../teacher/teacher.ts';

/** What the phases of a run follow from. */
export interface PhaseContext {
  readonly teacher: Teacher;
  readonly table: SpaceTable;
  readonly recipe: Recipe;
  readonly shape: StepShape;
  readonly heads: KeptHeads;
}

/** When a phase begins and ends, and the learning rate meanwhile. Stages of one schedule share it. */
export interface Schedule {
  /** Updates of this schedule that came before; above 0, `trained` gives Adam's moments too. */
  readonly first: number;
  /** Updates after which the phase is over. */
  readonly last: number;
  /** Updates of the whole schedule. */
  readonly total: number;
  readonly rate: number;
  /** Share of `total` in linear warm-up; above 1 in runs that are shorter than it. */
  readonly warmup: number;
  readonly decay: RateDecay;
}

/** Share of so many steps that is warm-up: the recipe's, and no fewer steps than it says. */
export function warmupShare({ warmup, warmupSteps }: Recipe, steps: number): number {
  return Math.max(warmup, warmupSteps / Math.max(1, steps));
}

export function wholeSchedule(recipe: Recipe, steps: number, rate: number): Schedule {
  return { first: 0, last: steps, total: steps, rate, warmup: warmupShare(recipe, steps), decay: recipe.decay };
}

/** What a phase begins from. */
export interface Before extends Pick<Student, 'compactors'> {
  /** The student so far; none before the first phase that makes one. */
  readonly model: BertModel | undefined;
  /** Trained tensors and moments of the phase before if it hands them on; else empty. */
  readonly state: NamedTensors;
}

/** A stretch of a run that trains one set of tensors on one graph. */
export interface Phase {
  readonly name: PhaseName;
  readonly schedule: Schedule;
  readonly optimiser: OptimiserSettings;
  /** Whether the next phase goes on with its tensors and moments. */
  readonly handsOn?: boolean;
  graph(): TrainingGraph;
  /** States that stay as they are, or that `beforeStep` rewrites. */
  frozen(before: Before, engine: Engine): NamedTensors | Promise<NamedTensors>;
  /** States that are trained, out of what came before. */
  trained(before: Before): NamedTensors;
  /**
   * A student of the recipe's shape out of these trained states.
   * @param compactors what `compactors` makes of them
   */
  student(engine: Engine, trained: NamedTensors, compactors: NamedTensors): Promise<BertModel>;
  /** The compactors that these trained states amount to; left out if they are those, or if nothing compacts. */
  compactors?(engine: Engine, trained: NamedTensors, before: Before): Promise<NamedTensors>;
  /** Whether a run that goes on needs the compactors that the phase began with: a checkpoint then keeps them. */
  readonly keepsBefore?: boolean;
  /** Norms by space for the page; empty where nothing compacts. */
  norms(compactors: NamedTensors): SpaceNorms[];
  /** The model as it is trained, where it is not yet of the student's shape. */
  runnable?(trained: NamedTensors): Runnable;
  /** Kept heads by teacher layer, where training decides about them. */
  heads?(trained: NamedTensors): KeptHeads;
  /** Rewrites masks or gates that the next step needs. */
  beforeStep?(trainer: Trainer): Promise<void>;
}

export function usualOptimiser(recipe: Recipe): OptimiserSettings {
  return { ...DEFAULT_OPTIMISER, beta2: recipe.beta2, clipNorm: recipe.clipNorm };
}
