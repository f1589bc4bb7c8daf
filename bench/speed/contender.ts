import type { Problem } from './problems.ts';

/** A problem made ready on one contender: memory allocated, data there, kernels compiled. */
export interface Job {
  /** Does the work so many times over and waits until all of it is done, on a GPU too. */
  run(times: number): Promise<void>;
  /** What is judged before anything is timed: the product, logits of the compared rows, or losses of the first steps. */
  output(): Promise<ArrayLike<number>>;
  dispose(): void;
}

/** A way to compute. To add one: write it, and list it in contenders/list.ts. */
export interface Contender {
  /** What it runs on, in words, for the record. */
  readonly detail: string;
  /** null where it does not take part in this problem. */
  prepare(problem: Problem): Promise<Job | null>;
}

/** Starts one on at most this many CPU threads. @throws Error where it cannot run here, with the reason */
export type StartContender = (threads: number) => Promise<Contender>;
