/** Longest stretch of work handed to the device at once: longer ones hold up the page's own drawing, and at seconds a driver's watchdog. */
const SUBMISSION_MILLISECONDS = 50;
/** Of a device that nothing is known of yet, as weight a millisecond: a slow one, 20 GFLOP/s. */
const FIRST_GUESS = 2e7;
/** How much faster the device may turn out from one submission to the next: short ones are mostly launch time, and lie. */
const MOST_GROWTH = 8;

/** Dispatches [first, end) of a run. */
export interface Part {
  readonly first: number;
  readonly end: number;
}

/**
 * Cuts a run into submissions of about 50 ms each.
 *
 * Nothing is known before the first run, so its submissions are waited for one by one and grow as the device turns out
 * faster: a slow device never gets a whole step at once, a fast one gets a handful of submissions. Later runs are cut by
 * the time that the last one took, evenly.
 */
export class Pacing {
  readonly #weights: readonly number[];
  readonly #total: number;
  #perMillisecond = FIRST_GUESS;
  #known = false;

  /** @param weights of the dispatches in order: shares of a run's time, floating-point operations or as much */
  constructor(weights: readonly number[]) {
    this.#weights = weights;
    this.#total = weights.reduce((sum, weight) => sum + weight, 0);
  }

  /** Whether a whole run was timed: all submissions may be handed over at once. */
  get known(): boolean {
    return this.#known;
  }

  /** The next submission of a first run. */
  next(first: number): Part {
    return this.#part(first, this.#perMillisecond * SUBMISSION_MILLISECONDS);
  }

  /** Tells how long a submission of a first run took. */
  took({ first, end }: Part, milliseconds: number): void {
    const weight = this.#weights.slice(first, end).reduce((sum, each) => sum + each, 0);
    this.#perMillisecond = Math.min(weight / Math.max(milliseconds, 1e-3), MOST_GROWTH * this.#perMillisecond);
  }

  /** All submissions of a run whose time is known. */
  parts(): Part[] {
    const count = Math.max(1, Math.ceil(this.#total / this.#perMillisecond / SUBMISSION_MILLISECONDS));
    const parts: Part[] = [];
    for (let first = 0; first < this.#weights.length; first = parts.at(-1)?.end ?? this.#weights.length)
      parts.push(this.#part(first, this.#total / count));
    return parts;
  }

  /** Tells how long a whole run took. */
  tookWhole(milliseconds: number): void {
    this.#perMillisecond = Math.max(this.#total, 1) / Math.max(milliseconds, 1e-3);
    this.#known = true;
  }

  /** Up to the dispatch with which it is full, and one at least: a dispatch cannot be cut. */
  #part(first: number, full: number): Part {
    let filled = 0;
    for (let end = first; end < this.#weights.length; end++) {
      filled += this.#weights[end] ?? 0;
      if (filled >= full) return { first, end: end + 1 };
    }
    return { first, end: this.#weights.length };
  }
}
