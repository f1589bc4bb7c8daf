/** Longest stretch of work handed to the device at once: longer ones hold up the page's own drawing, and at seconds a driver's watchdog. */
const SUBMISSION_MILLISECONDS = 50;
/** Of a device that nothing is known of yet, as weight a millisecond: a slow one, 20 GFLOP/s. */
const FIRST_GUESS = 2e7;
/** How much faster the device may turn out from one submission to the next: short ones are mostly launch time, and lie. */
const MOST_GROWTH = 8;
/** A device's speed at another program is a guess: its kernels may be this much slower. */
const CAUTION = 4;
/** Runs at least so long tell how fast a device is. */
const TELLING_MILLISECONDS = 20;
/** A submission of a first run takes this many times as long as the host waits to hear of it, so that its time can be told. */
const LATENCIES_A_SUBMISSION = 3;
/** Beyond this wait, in milliseconds, the device gets a second submission before the host has heard of the first one. */
const SHORT_LATENCY = 5;

/** Dispatches [first, end) of a run. */
export interface Part {
  readonly first: number;
  readonly end: number;
}

/** What is known of a device, by all of its programs together. */
export interface DevicePace {
  /** Milliseconds that the host waits to hear that nothing is done. */
  readonly latency: number;
  /** Weight a millisecond of the program that ran last for a while; undefined before any did. */
  perMillisecond?: number;
}

/**
 * Cuts a run into submissions of about 50 ms each.
 *
 * Nothing is known before the first run, so its submissions are waited for and grow as the device turns out faster: a slow
 * device never gets a whole step at once, a fast one gets a handful of submissions. Later runs are cut by the time that the
 * last one took, evenly.
 *
 * Work that was waited for `t` ms took between `t - latency` and `t`. The pace changes only as far as such a time contradicts it:
 * waiting alone never makes a submission shorter.
 */
export class Pacing {
  readonly #weights: readonly number[];
  readonly #total: number;
  readonly #device: DevicePace;
  /** Of a submission of a first run, milliseconds. */
  readonly #aim: number;
  #perMillisecond: number;
  #known = false;
  /** Whether anything was heard of a submission. */
  #heard = false;
  /** Whether a submission took longer than waiting alone does. */
  #timed = false;

  /**
   * @param weights of the dispatches in order: shares of a run's time, floating-point operations or as much
   * @param device what its programs learn is kept here
   */
  constructor(weights: readonly number[], device: DevicePace = { latency: 0 }) {
    this.#weights = weights;
    this.#total = weights.reduce((sum, weight) => sum + weight, 0);
    this.#device = device;
    this.#aim = Math.max(SUBMISSION_MILLISECONDS, LATENCIES_A_SUBMISSION * device.latency);
    this.#perMillisecond = device.perMillisecond === undefined ? FIRST_GUESS : device.perMillisecond / CAUTION;
  }

  /** Whether a whole run was timed: all submissions may be handed over at once. */
  get known(): boolean {
    return this.#known;
  }

  /** Submissions of a first run that the device has at once: one until its speed is known, two if it would idle while the host waits. */
  get inFlight(): 1 | 2 {
    return this.#timed && this.#device.latency > SHORT_LATENCY ? 2 : 1;
  }

  /** The next submission of a first run. */
  next(first: number): Part {
    // A guess may be wrong by much: a device that is slower than any must not get the longer submissions that waiting asks for.
    return this.#part(first, this.#perMillisecond * (this.#heard ? this.#aim : SUBMISSION_MILLISECONDS));
  }

  /**
   * Tells how long a submission of a first run took.
   * @param milliseconds from when the device could begin it, as far as the host knew, until the host heard that it was done
   * @param behind whether it was handed over before the one before it was known to be done
   */
  took({ first, end }: Part, milliseconds: number, behind = false): void {
    const weight = this.#weights.slice(first, end).reduce((sum, each) => sum + each, 0);
    this.#learn(weight, milliseconds, behind, MOST_GROWTH);
    this.#heard = true;
  }

  /** All submissions of a run whose time is known. */
  parts(): Part[] {
    const count = Math.max(1, Math.ceil(this.#total / this.#perMillisecond / SUBMISSION_MILLISECONDS));
    const parts: Part[] = [];
    for (let first = 0; first < this.#weights.length; first = parts.at(-1)?.end ?? this.#weights.length)
      parts.push(this.#part(first, this.#total / count));
    return parts;
  }

  /**
   * Tells how long a whole run took.
   * @param milliseconds as in {@link took}   @param behind whether it was handed over while another run went on
   */
  tookWhole(milliseconds: number, behind = false): void {
    this.#learn(Math.max(this.#total, 1), milliseconds, behind, Infinity);
    this.#known = true;
    // A short run is launch time more than work, and tells little of another program.
    if (milliseconds - this.#device.latency > TELLING_MILLISECONDS) this.#device.perMillisecond = this.#perMillisecond;
  }

  /** The pace that is nearest to the last one among those that the time allows. */
  #learn(weight: number, milliseconds: number, behind: boolean, growth: number): void {
    const { latency } = this.#device;
    const least = milliseconds - latency;
    if (least > 0) this.#timed = true;
    // Work behind other work may have begun before the host heard that the other was done.
    const slowest = weight / Math.max(milliseconds + (behind ? latency : 0), 1e-3);
    const fastest = weight / Math.max(least, 1e-3);
    this.#perMillisecond = Math.min(Math.max(this.#perMillisecond, slowest), fastest, Math.max(growth * this.#perMillisecond, 1));
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
