import type { RunState } from '../runs/runState.ts';

/** Lets a caller wait or end between steps, and keep what is needed to go on. */
export interface RunControl {
  /** Resolves at once, or when a pause ends; false = stop here. */
  proceed(): Promise<boolean>;
  /** Whether `proceed` would wait or end now: all steps so far are then told before. */
  holds?(): boolean;
  /** Whether the state should be kept after this step. */
  wantsState?(step: number): Promise<boolean>;
  keep?(state: RunState): Promise<void>;
  /** Milliseconds that never jump. */
  now?(): number;
}
