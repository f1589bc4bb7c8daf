import type { PhaseName, Recipe, StudioListener } from './studioApi.ts';

/** Speed and time left from a moving average, so that evaluations and pauses do not shake them. */
export class Ticker {
  readonly #recipe: Recipe;
  readonly #listen: StudioListener;
  #last: number;
  #pace = 0;
  #ticks = 0;

  constructor(recipe: Recipe, listen: StudioListener, now: number) {
    this.#recipe = recipe;
    this.#listen = listen;
    this.#last = now;
  }

  step(step: number, phase: PhaseName, loss: number, gradientNorm: number, learningRate: number): void {
    const now = performance.now();
    const seconds = (now - this.#last) / 1000;
    this.#last = now;
    // The first step also holds calibration and compilation.
    this.#ticks += 1;
    if (this.#ticks === 2) this.#pace = seconds;
    else if (this.#ticks > 2) this.#pace += 0.1 * (Math.min(seconds, 4 * this.#pace) - this.#pace);
    const pace = this.#ticks === 1 ? Number.NaN : this.#pace;
    this.#listen({
      kind: 'step',
      step,
      steps: this.#recipe.steps,
      phase,
      loss,
      gradientNorm,
      learningRate,
      tokensPerSecond: Number.isNaN(pace) ? 0 : (this.#recipe.batch * this.#recipe.sequence) / pace,
      secondsLeft: Number.isNaN(pace) ? 0 : pace * (this.#recipe.steps - step),
    });
  }
}
