import type { Contender, Job, StartContender } from './contender.ts';
import { batchedError, fmaError, productError, randomMatrix, type Problem } from './problems.ts';

/** What a booth answers when a problem was made ready. */
export interface Opened {
  /** For a product: how far it is from the truth. Else null: compare `output` with the others'. */
  readonly error: number | null;
  readonly output: readonly number[];
}

/** One contender at work, in this process or behind a page. Numbers and plain objects only. */
export interface Booth {
  start(threads: number): Promise<string>;
  /** null where the contender does not take part. */
  open(problem: Problem): Promise<Opened | null>;
  /** Milliseconds a run, of several samples that fill about this time. */
  time(milliseconds: number): Promise<readonly number[]>;
  close(): Promise<void>;
  /** Stops work that takes too long, where that is possible; the booth is of no more use. */
  abandon(): Promise<void>;
}

const SAMPLES = 3;

export class LocalBooth implements Booth {
  readonly #begin: StartContender;
  #contender: Contender | null = null;
  #job: Job | null = null;

  constructor(begin: StartContender) {
    this.#begin = begin;
  }

  async start(threads: number): Promise<string> {
    this.#contender = await this.#begin(threads);
    return this.#contender.detail;
  }

  async open(problem: Problem): Promise<Opened | null> {
    await this.close();
    this.#job = (await this.#contender?.prepare(problem)) ?? null;
    if (this.#job === null) return null;
    const output = await this.#job.output();
    if (problem.kind === 'fma') return { error: fmaError(output), output: [] };
    if (problem.kind === 'batched') {
      const { batch, m, k, n } = problem;
      return { error: batchedError(problem, randomMatrix(batch * m, k, 1), randomMatrix(batch * k, n, 2), output), output: [] };
    }
    if (problem.kind !== 'gemm') return { error: null, output: Array.from(output) };
    const { m, k, n } = problem;
    return { error: productError(problem, randomMatrix(m, k, 1), randomMatrix(k, n, 2), output), output: [] };
  }

  async time(milliseconds: number): Promise<readonly number[]> {
    const job = this.#job;
    if (job === null) return [];
    const sample = async (times: number): Promise<number> => {
      const before = performance.now();
      await job.run(times);
      return (performance.now() - before) / times;
    };
    const first = await sample(1);
    // One run fills the time: it is the sample.
    if (first >= milliseconds) return [first];
    const times = Math.max(1, Math.floor(milliseconds / SAMPLES / first));
    const samples: number[] = [];
    for (let i = 0; i < SAMPLES; i++) samples.push(await sample(times));
    return samples;
  }

  close(): Promise<void> {
    this.#job?.dispose();
    this.#job = null;
    return Promise.resolve();
  }

  /** Work in this process cannot be stopped: it goes on beside the others. */
  abandon(): Promise<void> {
    return Promise.resolve();
  }
}
