import type { PaperSettings } from '../../wid/paper/settings.ts';

export type { PaperSettings as PaperRecipe } from '../../wid/paper/settings.ts';

/** Shape of a BERT in the numbers that a user may choose. `hiddenSize = heads * headSize` always. */
export interface ModelShape {
  readonly layers: number;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly headSize: number;
  readonly intermediateSize: number;
}

/** Students by name: shares of the teacher's head size and FFN. On BERT-base, `wid55` and `wid11` are the paper's. */
export type PresetName = 'wid55' | 'wid11' | 'half' | 'quarter';

export interface StudentPreset {
  readonly name: PresetName;
  readonly shape: ModelShape;
}

/** Presets and default recipes for a teacher. */
export interface Beginnings {
  readonly presets: readonly StudentPreset[];
  /** Default recipes: for students with the teacher's sizes but fewer layers, and for others (half the teacher's width). */
  readonly byShape: { readonly onlyShallower: Recipe; readonly narrower: Recipe };
}

/** The student's sizes that a user chose. The teacher and the preset (`half` by default) give the others. */
export interface ShapeWish {
  readonly preset?: PresetName;
  /** Residual width; must be heads x head size. */
  readonly width?: number;
  readonly layers?: number;
  readonly heads?: number;
  readonly headSize?: number;
  readonly intermediate?: number;
  /** Upper limit of the fp32 weights, in bytes; the widest student below it is taken. Only `layers` and `heads` may go with it. */
  readonly maxBytes?: number;
}

/** How a student is made (docs/method.md section 5): the name of a method in `studio/methods/`. Files record it. */
export type Mode = string;

/** What the steps of a run train: compactors, or the student's own weights. */
export type PhaseName = 'compactors' | 'gates' | 'polish';

/** Every choice of a run. On one engine, the same recipe gives the same run. */
export interface Recipe {
  readonly mode: Mode;
  /** Where `prune` and `distil` start: a plain selection, or the calibrated student. */
  readonly start: 'selection' | 'calibrated';
  readonly student: ModelShape;
  readonly tied: boolean;
  readonly steps: number;
  /** Sequences in one optimiser step. */
  readonly batch: number;
  /** Tokens in one sequence. */
  readonly sequence: number;
  /** Share of the steps, 0 to 1, that trains compactors; the rest polishes the student's own weights. */
  readonly compactorShare: number;
  readonly compactorLearningRate: number;
  /** Learning rate of the teacher's own weights under the compactors; 0 freezes them, the default for large teachers. */
  readonly teacherLearningRate: number;
  /**
   * `calibrated` only: share of the loss, 0 to 1, that comes from the teacher's logits, in both phases. It costs the teacher's
   * forward pass in every step. The default for large teachers is 0, as in the paper.
   */
  readonly guidance: number;
  /**
   * Which teacher layers a shallower student starts from. Teacher layers form equal groups: `first` takes the first of each,
   * `even` the last (an old name, kept for stored recipes), `mixture` learns a weighted sum of all layers, starting at `first`.
   */
  readonly depth: 'first' | 'even' | 'mixture';
  /** `paper` only: settings of the published method. */
  readonly paper: PaperSettings;
  /** `progressive` only: share of the steps, 0 to 1, over which the gates close; the rest polishes. */
  readonly rampShare: number;
  readonly polishLearningRate: number;
  /** Share of the steps spent in linear warm-up, 0 to 1. */
  readonly warmup: number;
  /** How the rate falls to zero after warm-up: a straight line or half a cosine. */
  readonly decay: 'linear' | 'cosine';
  /** Number of micro-batches per step. More need less memory and give the same step. All of them share one merge. */
  readonly accumulation: number;
  /** Share of tokens that a training batch predicts, 0 to 1. Held-out numbers always predict 15 %. */
  readonly masking: number;
  /** Mask all pieces of a word together while training. */
  readonly wholeWords: boolean;
  readonly weightDecay: number;
  readonly clipNorm: number;
  /** How compactors are calibrated: from the teacher's activations only, or layer by layer against the student built so far. */
  readonly calibration: 'one-pass' | 'sequential';
  /** Tokens gathered for calibration. */
  readonly calibrationTokens: number;
  /** `distil`, and `calibrated` with guidance: softens both distributions. */
  readonly distillationTemperature: number;
  /** `distil` only: share of the loss, 0 to 1, that comes from the teacher's logits. */
  readonly distillationShare: number;
  /** `distil` only: weight of the mean square difference of hidden states, after a learned projection; 0 leaves it out. */
  readonly distillationHidden: number;
  readonly evaluateEvery: number;
  readonly seed: number;
}

/** Parts of a recipe whose default depends on the student's shape. */
export type ShapeDefaults = Pick<Recipe, 'guidance' | 'distillationShare' | 'tied'>;
