import type { RunControl } from '../compression/runControl.ts';
import type { RunState } from '../runs/runState.ts';

/**
 * Share of a step's time that training waits for a checkpoint that is being written. The CPU engine never gives way within a
 * step, and writing comes forward by one read or write a turn of the event loop: without this, a checkpoint of the demo was
 * on the disk a hundred steps late.
 */
const WAITS = 0.05;

/** How often a run's state is kept. */
export interface KeepPace {
  /** Steps between checkpoints. */
  readonly keepEvery: number;
  /** Bytes a second at most, over the time: where steps are short beside their checkpoint, it is kept less often. */
  readonly keepRate: number;
}

function bytesOf({ tensors, compactors }: RunState): number {
  let bytes = 0;
  for (const kept of [tensors, compactors]) for (const { data } of kept.values()) bytes += data.byteLength;
  return bytes;
}

/** Pause, resume and stop, heard between steps; says when the run's state is to be kept. */
export class Gate implements RunControl {
  readonly keep = (state: RunState): Promise<void> => {
    this.#due = false;
    this.#kept = { at: this.now(), bytes: bytesOf(state) };
    return this.#keep(state);
  };
  readonly now: () => number;
  /** Aborted when the run is stopped, for work within a step that can be cut short. */
  readonly stopping: AbortSignal;
  readonly #stop = new AbortController();
  readonly #keep: (state: RunState) => Promise<void>;
  readonly #pace: KeepPace;
  readonly #written: () => Promise<void>;
  /** A checkpoint waits for its turn. */
  #due = false;
  #kept: { readonly at: number; readonly bytes: number } | undefined;
  #last: number | undefined;
  #paused = false;
  /** Steps that may be taken though it is paused. */
  #steps = 0;
  #wake: () => void = () => {};
  #stopped = false;
  #asked = false;

  /**
   * @param keep takes a state over; must not wait for the disk
   * @param pace how often a state is kept when nothing else asks for one
   * @param now milliseconds that never jump
   * @param written resolves when nothing is being written any more
   */
  constructor(keep: (state: RunState) => Promise<void>, pace: KeepPace, now: () => number, written: () => Promise<void>) {
    this.#keep = keep;
    this.now = now;
    this.#pace = pace;
    this.stopping = this.#stop.signal;
    this.#written = written;
  }

  async wantsState(step: number): Promise<boolean> {
    // A turn of the event loop, so that pause and stop can arrive.
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
    await this.#letWrite();
    this.#due ||= step % this.#pace.keepEvery === 0;
    const wants = this.#asked || this.#paused || (this.#due && !this.#tooSoon());
    this.#asked = false;
    return wants;
  }

  #tooSoon(): boolean {
    if (this.#kept === undefined) return false;
    return (this.now() - this.#kept.at) / 1000 < this.#kept.bytes / this.#pace.keepRate;
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
    while (this.#paused && this.#steps === 0 && !this.#stopped)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    if (this.#paused) this.#steps -= 1;
    // A pause is no part of a step.
    this.#last = this.now();
    return !this.#stopped;
  }

  holds(): boolean {
    return this.#stopped || (this.#paused && this.#steps === 0);
  }

  pause(): void {
    this.ask();
    this.#paused = true;
    this.#steps = 0;
  }

  /** While paused: one step more, which is kept, then paused again. Heard also while a step is still going on. */
  step(): void {
    if (!this.#paused) return;
    this.#steps += 1;
    this.#wake();
  }

  resume(): void {
    this.#paused = false;
    this.#wake();
  }

  stop(): void {
    this.ask();
    this.#stopped = true;
    this.#stop.abort();
    this.resume();
  }
}
