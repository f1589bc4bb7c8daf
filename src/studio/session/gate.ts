import type { RunControl } from '../compression/compression.ts';
import type { RunState } from '../runs/runState.ts';

/**
 * Share of a step's time that training waits for a checkpoint that is being written. The CPU engine never gives way within a
 * step, and writing comes forward by one read or write a turn of the event loop: without this, a checkpoint of the demo was
 * on the disk a hundred steps late.
 */
const WAITS = 0.05;

/** Pause, resume and stop, heard between steps; says when the run's state is to be kept. */
export class Gate implements RunControl {
  readonly keep: (state: RunState) => Promise<void>;
  readonly now: () => number;
  /** Aborted when the run is stopped, for work within a step that can be cut short. */
  readonly stopping: AbortSignal;
  readonly #stop = new AbortController();
  readonly #every: number;
  readonly #written: () => Promise<void>;
  #last: number | undefined;
  #open: Promise<void> = Promise.resolve();
  #release: (() => void) | undefined;
  #stopped = false;
  #asked = false;

  /**
   * @param keep takes a state over; must not wait for the disk
   * @param every steps between checkpoints when nothing else asks for one
   * @param now milliseconds that never jump
   * @param written resolves when nothing is being written any more
   */
  constructor(keep: (state: RunState) => Promise<void>, every: number, now: () => number, written: () => Promise<void>) {
    this.keep = keep;
    this.now = now;
    this.#every = every;
    this.stopping = this.#stop.signal;
    this.#written = written;
  }

  async wantsState(step: number): Promise<boolean> {
    // A turn of the event loop, so that pause and stop can arrive.
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
    await this.#letWrite();
    const wants = this.#asked || step % this.#every === 0;
    this.#asked = false;
    return wants;
  }

  async #letWrite(): Promise<void> {
    const step = this.now() - (this.#last ?? this.now());
    let timer: ReturnType<typeof setTimeout> | undefined;
    const enough = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, WAITS * step);
    });
    await Promise.race([this.#written(), enough]);
    clearTimeout(timer);
  }

  /** Keeps the state after the step at hand. */
  ask(): void {
    this.#asked = true;
  }

  async proceed(): Promise<boolean> {
    await this.#open;
    // A pause is no part of a step.
    this.#last = this.now();
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
    this.#stop.abort();
    this.resume();
  }
}
