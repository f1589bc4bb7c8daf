import type { RunControl } from '../compression.ts';
import type { RunState } from '../runs/runState.ts';

/** Steps between checkpoints when nothing else asks for one. */
const KEEP_EVERY = 25;

/** Pause, resume and stop, heard between steps; says when the run's state is to be kept. */
export class Gate implements RunControl {
  readonly keep?: (state: RunState) => Promise<void>;
  #open: Promise<void> = Promise.resolve();
  #release: (() => void) | undefined;
  #stopped = false;
  #asked = false;

  constructor(keep: ((state: RunState) => Promise<void>) | undefined) {
    if (keep !== undefined) this.keep = keep;
  }

  async wantsState(step: number): Promise<boolean> {
    // A turn of the event loop, so that pause and stop can arrive.
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
    const wants = this.#asked || step % KEEP_EVERY === 0;
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
