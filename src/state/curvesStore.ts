import { create } from 'zustand';
import type { HeldOut, SimilarityReport, StudioEvent } from '../studio/studioApi.ts';

/** One step on the charts. Absent fields were not measured at that step. */
export interface CurvePoint {
  readonly step: number;
  readonly loss?: number;
  /** Debiased exponential average of `loss`. */
  readonly smooth?: number;
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
}

export interface Progress {
  readonly stage: string;
  readonly done: number;
  readonly total: number;
}

/** Numbers that change with every step; published at most five times a second. */
export interface CurvesState {
  readonly points: readonly CurvePoint[];
  /** Points of the run before, for comparison. */
  readonly previous: readonly CurvePoint[];
  readonly teacher: HeldOut | undefined;
  /** The latest attention similarity, with the step it belongs to. */
  readonly similarity: { readonly step: number; readonly value: SimilarityReport } | undefined;
  readonly progress: Progress | undefined;
  readonly steps: number;
  readonly secondsLeft: number | undefined;
}

const EMPTY: CurvesState = {
  points: [],
  previous: [],
  teacher: undefined,
  similarity: undefined,
  progress: undefined,
  steps: 0,
  secondsLeft: undefined,
};

export const useCurves = create<CurvesState>(() => EMPTY);

const PUBLISH_EVERY_MS = 200;
/** Steps over which the smoothed loss forgets. */
const MEMORY = 10;

/** Gathers a session's events and publishes them to {@link useCurves} at a calm rate. */
export class CurveRecorder {
  #points = new Map<number, CurvePoint>();
  #average = 0;
  #weight = 0;
  #pending: Partial<CurvesState> = {};
  #timer: ReturnType<typeof setTimeout> | undefined;

  reset(steps: number): void {
    const previous = useCurves.getState().points;
    this.#points = new Map();
    this.#average = 0;
    this.#weight = 0;
    this.#pending = {};
    useCurves.setState({ ...EMPTY, previous, steps }, true);
  }

  readonly hear = (event: StudioEvent): void => {
    if (event.kind === 'progress') {
      this.#pending = { ...this.#pending, progress: { stage: event.stage, done: event.done, total: event.total } };
    } else if (event.kind === 'heldOut') {
      if (event.model === 'teacher') this.#pending = { ...this.#pending, teacher: event.value };
      else
        this.#merge({
          step: event.step,
          heldOutLoss: event.value.loss,
          accuracy: 100 * event.value.accuracy,
          agreement: 100 * event.value.agreement,
        });
    } else if (event.kind === 'similarity') {
      this.#pending = { ...this.#pending, similarity: { step: event.step, value: event.value } };
      this.#merge({ step: event.step, similarity: event.value.mean });
    } else if (event.kind === 'step') {
      // The plain average leans to its start; dividing by the weight that it has gathered corrects that.
      const keep = 1 - 1 / MEMORY;
      this.#average = keep * this.#average + (1 - keep) * event.loss;
      this.#weight = keep * this.#weight + (1 - keep);
      this.#merge({
        step: event.step,
        loss: event.loss,
        smooth: this.#average / this.#weight,
        learningRate: event.learningRate,
        ...(event.tokensPerSecond > 0 ? { tokensPerSecond: event.tokensPerSecond } : {}),
      });
      this.#pending = {
        ...this.#pending,
        progress: { stage: event.phase === 'compactors' ? 'Training compactors' : 'Polishing', done: event.step, total: event.steps },
        secondsLeft: event.secondsLeft > 0 ? event.secondsLeft : undefined,
      };
    }
    this.#timer ??= setTimeout(() => this.publish(), PUBLISH_EVERY_MS);
  };

  publish(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    useCurves.setState({ ...this.#pending, points: [...this.#points.values()].toSorted((a, b) => a.step - b.step) });
    this.#pending = {};
  }

  #merge(point: CurvePoint): void {
    this.#points.set(point.step, { ...this.#points.get(point.step), ...point });
  }
}
