/** Seconds of work: pauses do not count, nor time that the machine slept through. */
export class WorkClock {
  readonly #now: () => number;
  #began: number;

  /** @param now milliseconds that never jump @param worked seconds of work before */
  constructor(now: () => number, worked = 0) {
    this.#now = now;
    this.#began = now() - 1000 * worked;
  }

  seconds(): number {
    return (this.#now() - this.#began) / 1000;
  }

  /** Leaves out the time that `wait` takes. */
  async rest<T>(wait: () => Promise<T>): Promise<T> {
    const before = this.#now();
    try {
      return await wait();
    } finally {
      this.#began += this.#now() - before;
    }
  }

  /** Leaves out seconds that were counted. */
  forgive(seconds: number): void {
    this.#began += 1000 * seconds;
  }
}

/** Durations that the pace is told from. */
const WINDOW = 16;
/** A duration of so many medians was no work: sleep, or a machine that did something else. */
const OUTLIER = 4;
/** So many of them in a row are the new pace. */
const ENOUGH = 4;

/** How long one of many like pieces of work takes, from the last ones; single ones that took very long are left out. */
export class Pace {
  #durations: number[] = [];
  #outliers: number[] = [];

  /** @param seconds that one piece took @returns seconds of it that were no work */
  add(seconds: number): number {
    const median = this.#durations.toSorted((a, b) => a - b)[Math.floor(this.#durations.length / 2)];
    if (!(seconds >= 0)) return 0;
    if (median !== undefined && this.#durations.length >= 2 && seconds > OUTLIER * median) {
      this.#outliers.push(seconds);
      if (this.#outliers.length < ENOUGH) return seconds - median;
      this.#durations = this.#outliers;
      this.#outliers = [];
      return 0;
    }
    this.#outliers = [];
    this.#durations = [...this.#durations.slice(1 - WINDOW), seconds];
    return 0;
  }

  /** Seconds a piece; undefined before the first. */
  get value(): number | undefined {
    const { length } = this.#durations;
    return length === 0 ? undefined : this.#durations.reduce((sum, seconds) => sum + seconds, 0) / length;
  }
}
