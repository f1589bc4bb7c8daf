import type { PhaseName, Recipe } from '../api/recipe.ts';
import type { StudioListener } from '../api/run.ts';
import { Pace, type WorkClock } from './workClock.ts';

/** So many seconds more than the like took, or between two steps, were slept through: they are no work. */
const SLEEP = 10;

/** Speed and time left, from the durations of steps and evaluations alone, so that pauses and sleep do not shake them. */
export class Ticker {
  readonly #recipe: Recipe;
  readonly #listen: StudioListener;
  readonly #clock: WorkClock;
  #steps = new Pace();
  readonly #evaluations = new Pace();
  #begun: number;
  #ended: number;
  #phase: PhaseName | undefined;
  #first = true;

  constructor(recipe: Recipe, listen: StudioListener, clock: WorkClock) {
    this.#recipe = recipe;
    this.#listen = listen;
    this.#clock = clock;
    this.#begun = clock.seconds();
    this.#ended = this.#begun;
  }

  /** A step or an evaluation begins, and none is on its way. */
  begin(): void {
    const idle = this.#clock.seconds() - this.#ended;
    if (idle > SLEEP) this.#clock.forgive(idle);
    this.#begun = this.#clock.seconds();
  }

  evaluated(): void {
    this.#add(this.#evaluations);
  }

  step(step: number, phase: PhaseName, loss: number, gradientNorm: number, learningRate: number): void {
    if (phase !== this.#phase) {
      this.#steps = new Pace();
      this.#phase = phase;
      this.#first = true;
    }
    // The first step of a phase also warms kernels up.
    if (this.#first) this.#ended = this.#clock.seconds();
    else this.#add(this.#steps);
    this.#first = false;
    // One that is on its way already counts from here.
    this.#begun = this.#clock.seconds();
    const { steps, batch, sequence, evaluateEvery } = this.#recipe;
    const pace = this.#steps.value;
    const evaluations = Math.floor((steps - 1) / evaluateEvery) - Math.floor(step / evaluateEvery) + 1;
    this.#listen({
      kind: 'step',
      step,
      steps,
      phase,
      loss,
      gradientNorm,
      learningRate,
      tokensPerSecond: pace === undefined || pace === 0 ? 0 : (batch * sequence) / pace,
      secondsLeft: pace === undefined ? 0 : pace * (steps - step) + (this.#evaluations.value ?? 0) * evaluations,
    });
  }

  #add(pace: Pace): void {
    const excess = pace.add(this.#clock.seconds() - this.#begun);
    if (excess > SLEEP) this.#clock.forgive(excess);
    this.#ended = this.#clock.seconds();
  }
}
