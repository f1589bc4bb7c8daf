import { NO_NORM_LIMIT } from '../graph/operation.ts';

/** A norm this many times the usual one is an explosion. On the demo teacher sound runs of all modes stay within twice. */
const EXPLODED = 1000;

/** The usual norm is taken to be at least this: next to its optimum a student's gradient is nearly nothing, and may grow. */
const FLOOR = 1;

/** So many norms make the usual one. */
const WINDOW = 32;

/** The most that a gradient's norm may be, from the norms of the steps before. */
export class NormLimit {
  readonly #norms: number[];

  /** @param norms of the last steps, where they are known */
  constructor(norms: readonly number[] = []) {
    this.#norms = norms.slice(-WINDOW);
  }

  /** The norms that make the usual one, oldest first. */
  get norms(): readonly number[] {
    return [...this.#norms];
  }

  /** The norm of a step that was sound. */
  add(norm: number): void {
    this.#norms.push(norm);
    if (this.#norms.length > WINDOW) this.#norms.shift();
  }

  /** The median of the last norms, the lower one of two; undefined before the first. */
  get usual(): number | undefined {
    return this.#norms.toSorted((a, b) => a - b)[(this.#norms.length - 1) >> 1];
  }

  /** What the next step is held to. */
  get value(): number {
    const { usual } = this;
    return usual === undefined ? NO_NORM_LIMIT : Math.min(NO_NORM_LIMIT, EXPLODED * Math.max(FLOOR, usual));
  }
}
