import type { StudioEvent } from '../studio/api/run.ts';
import type { CurvePoint } from './curvesStore.ts';

/** Builds a run's curve out of its events. */
export class CurveBuilder {
  readonly #points: CurvePoint[] = [];

  get points(): readonly CurvePoint[] {
    return this.#points;
  }

  /** @returns whether the curve changed */
  hear(event: StudioEvent): boolean {
    if (event.kind === 'step') {
      const { step, loss, learningRate, tokensPerSecond } = event;
      this.#merge({ step, loss, learningRate, ...(tokensPerSecond > 0 ? { tokensPerSecond } : {}) });
    } else if (event.kind === 'heldOut' && event.model === 'student') {
      const { loss, accuracy, agreement } = event.value;
      this.#merge({ step: event.step, heldOutLoss: loss, accuracy: 100 * accuracy, agreement: 100 * agreement });
    } else if (event.kind === 'similarity') {
      this.#merge({ step: event.step, similarity: event.value.mean, chance: event.value.chance });
    } else return false;
    return true;
  }

  #merge(point: CurvePoint): void {
    // Events of one step come together, so the place is at or near the end.
    const at = this.#points.findLastIndex(({ step }) => step <= point.step);
    const there = this.#points[at];
    if (there?.step === point.step) this.#points[at] = { ...there, ...point };
    else this.#points.splice(at + 1, 0, point);
  }
}
