import type { RunControl } from '../compression/compression.ts';
import type { RunState } from '../runs/runState.ts';

/** Pause, resume and stop, heard between steps; says when the run's state is to be kept. */
export class Gate implements RunControl {
  readonly keep: (state: RunState) => Promise<void>;
  readonly now: () => number;
  readonly #every: number;
  #open: Promise<void> = Promise.resolve();
  #release: (() => void) | undefined;
  #stopped = false;
  #asked = false;

  /**
   * @param keep takes a state over; must not wait for the disk
   * @param every steps between checkpoints when nothing else asks for one
   * @param now milliseconds that never jump
   */
  constructor(keep: (state: RunState) => Promise<void>, every: number, now: () => number) {
    this.keep = keep;
    this.now = now;
    this.#every = every;
  }

  async wantsState(step: number): Promise<boolean> {
    // A turn of the event loop, so that pause and stop can arrive.
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
    const wants = this.#asked || step % this.#every === 0;
    this.#asked = false;
    return wants;
  }

  /** Keeps the state after the step at hand. */
  ask(): void {
    this.#asked = true;
  }

  async proceed(): Promise<boolean> {
    await this.#open;
    return !this.#stopped;
  }

  pause(): void {
    this.ask();
    if (this.#release !== undefined) return;
    this.#open = new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  /** While paused: one step, then paused again. */
  step(): void {
    if (this.#release === undefined) return;
    this.resume();
    this.pause();
  }

  resume(): void {
    this.#release?.();
    this.#release = undefined;
  }

  stop(): void {
    this.ask();
    this.#stopped = true;
    this.resume();
  }
}
