import type { PaperSettings } from '../../wid/paper/settings.ts';
import type { Settings } from '../settings/settings.ts';

export type { PaperSettings as PaperRecipe } from '../../wid/paper/settings.ts';

/** Shape of a BERT in the numbers that a user may choose. `hiddenSize = heads * headSize` always. */
export interface ModelShape {
  readonly layers: number;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly headSize: number;
  readonly intermediateSize: number;
}

/** A teacher's shape. */
export interface TeacherShape extends ModelShape {
  /** Its students keep its head size and may leave out whole heads alone: rotary positions turn the dimensions of a head in pairs. */
  readonly wholeHeads?: true;
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
export interface Recipe extends Settings {
  readonly student: ModelShape;
  /** `paper` only: settings of the published method. */
  readonly paper: PaperSettings;
}

/** Parts of a recipe whose default depends on the student's shape. */
export type ShapeDefaults = Pick<Recipe, 'guidance' | 'distillationShare' | 'tied'>;
