import { create } from 'zustand';
import type { PhaseName } from '../studio/api/recipe.ts';
import type { HeldOut } from '../studio/api/run.ts';

export type { PhaseName };

/** One step on the charts. Absent fields were not measured at that step. */
export interface CurvePoint {
  readonly step: number;
  readonly loss?: number;
  readonly learningRate?: number;
  readonly tokensPerSecond?: number;
  /** Of the student, on the held-out split. */
  readonly heldOutLoss?: number;
  /** In percent. */
  readonly accuracy?: number;
  /** In percent. */
  readonly agreement?: number;
  /** Mean attention similarity to the teacher, 0 to 1. */
  readonly similarity?: number;
  /** The same for other heads of the same layer. */
  readonly chance?: number;
}

/** Another run's curve, for comparison. */
export interface PastCurve {
  readonly name: string;
  readonly points: readonly CurvePoint[];
}

/** The curves of the run at hand: published at most five times a second. */
export interface CurvesState {
  readonly name: string;
  /** By step, rising. */
  readonly points: readonly CurvePoint[];
  /** Those of the points at which the student was judged: a new array only when one more was. */
  readonly judged: readonly CurvePoint[];
  /** Steps after which another phase began. */
  readonly phases: readonly { readonly name: PhaseName; readonly from: number }[];
  readonly teacher: HeldOut | undefined;
  /** Steps that the run is meant to take. */
  readonly steps: number;
  /** Runs of this page before, the newest first. */
  readonly past: readonly PastCurve[];
}

export const NO_CURVES: Omit<CurvesState, 'past'> = { name: '', points: [], judged: [], phases: [], teacher: undefined, steps: 0 };

export const useCurves = create<CurvesState>(() => ({ ...NO_CURVES, past: [] }));
