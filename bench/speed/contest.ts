import type { Booth } from './measure.ts';
import { nameOf, relativeDifference, type Problem } from './problems.ts';
import { middle, type Row } from './report.ts';

/**
 * Farthest from the truth that still counts: float32 sums of up to 768 products; thousands of products on end, of a factor
 * that is itself rounded; logits after four layers.
 */
const TOLERANCE = { gemm: 1e-5, batched: 1e-5, fma: 1e-3, forward: 1e-4, step: 1e-4 } as const;

/** Milliseconds that a contender may take to get ready for a problem. */
const PATIENCE = 60_000;

interface Entrant {
  readonly name: string;
  readonly detail: string;
  readonly booth: Booth;
}

/** Contenders take turns, so that what disturbs the machine disturbs all alike. */
export class Contest {
  readonly #problems: readonly Problem[];
  readonly #threads: number;
  readonly #rounds: number;
  readonly #slice: number;
  /** Entrants that were given up: a software GPU may take minutes for what others do in milliseconds. */
  readonly #slow = new Set<string>();

  constructor(problems: readonly Problem[], threads: number, rounds: number, slice: number) {
    this.#problems = problems;
    this.#threads = threads;
    this.#rounds = rounds;
    this.#slice = slice;
  }

  /** @param ours of the names, the one that the others are compared with */
  async hold(host: string, names: readonly string[], ours: string, open: (name: string) => Promise<Booth>): Promise<Row[]> {
    const entrants: Entrant[] = [];
    for (const name of names) {
      try {
        const booth = await open(name);
        const entrant = { name, booth, detail: await this.#within(name, booth.start(this.#threads), () => booth.abandon()) };
        console.log(`${host}: ${name} (${entrant.detail})`);
        entrants.push(entrant);
      } catch (error) {
        console.warn(`SKIPPED ${name} in ${host}: ${firstLine(error)}`);
      }
    }
    const rows: Row[] = [];
    for (const problem of this.#problems) rows.push(...(await this.#measure(host, problem, entrants, ours)));
    return rows;
  }

  /** @throws Error after a minute; the entrant takes no further part */
  async #within<T>(name: string, work: Promise<T>, abandon: () => Promise<void>): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.#slow.add(name);
        void abandon();
        reject(new Error(`gave up after ${PATIENCE / 1000} s.`));
      }, PATIENCE);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #measure(host: string, problem: Problem, entrants: readonly Entrant[], ours: string): Promise<Row[]> {
    const ready: { entrant: Entrant; error: number; rounds: number[]; samples: number[] }[] = [];
    let truth: readonly number[] | null = null;
    for (const entrant of entrants) {
      try {
        if (this.#slow.has(entrant.name)) continue;
        const opened = await this.#within(entrant.name, entrant.booth.open(problem), () => entrant.booth.abandon());
        if (opened === null) continue;
        const error: number = opened.error ?? (truth === null ? 0 : relativeDifference(opened.output, truth));
        truth ??= opened.output;
        if (!(error < TOLERANCE[problem.kind])) throw new Error(`its result is ${error} from the truth, so it is not timed.`);
        ready.push({ entrant, error, rounds: [], samples: [] });
      } catch (error) {
        console.warn(`SKIPPED ${entrant.name} in ${host} at ${nameOf(problem)}: ${firstLine(error)}`);
      }
    }
    if (ready.length === 0) return [];
    // A round nobody counts: compilers and clocks warm up.
    for (const { entrant } of ready) await entrant.booth.time(this.#slice / 4);
    for (let round = 0; round < this.#rounds; round++)
      for (const state of ready) {
        const samples = await state.entrant.booth.time(this.#slice);
        state.samples.push(...samples);
        state.rounds.push(middle(samples));
      }
    const own = ready.find(({ entrant }) => entrant.name === ours);
    const rows = ready.map(({ entrant, error, rounds, samples }): Row => {
      const ratios = own === undefined ? [] : rounds.map((milliseconds, i) => milliseconds / (own.rounds[i] ?? Number.NaN));
      return {
        host,
        contender: entrant.name,
        detail: entrant.detail,
        problem,
        median: middle(samples),
        best: Math.min(...samples),
        timesOurs: entrant.name === ours || own === undefined ? null : middle(ratios),
        error,
      };
    });
    for (const { entrant } of ready) await entrant.booth.close();
    console.log(`${host}: ${nameOf(problem)}, ${ready.length} contenders`);
    return rows;
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}
