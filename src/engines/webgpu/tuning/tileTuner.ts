import { DeviceLostError } from '../../deviceLost.ts';
import type { CompileWatch } from '../../engine.ts';
import { EngineError } from '../../engineError.ts';
import type { Remembered } from '../../remembered.ts';
import { WrongNumbersError } from '../../wrongNumbers.ts';
import type { DeviceOwner } from '../deviceOwner.ts';
import type { MatmulTile } from '../matmul/form.ts';
import type { Pipelines } from '../pipelines.ts';
import { problemName, type Candidates, type Product, type Variant } from './products.ts';
import { Stopwatch, type Timed } from './stopwatch.ts';
import { TileMemory, type KnownTiles } from './tileMemory.ts';
import { isRight, truthOf } from './truth.ts';

/** How matrix kernels are chosen. */
export interface Tuning {
  /** Keeps what won. */
  readonly remembered: Remembered;
  /** Time for all measuring of one compilation, from when the first product's kernels are compiled; the most work comes first. */
  readonly milliseconds?: number;
  /** For tests: which kernels to measure. */
  readonly candidates?: Candidates;
}

/** What measuring a product gave, where there was time for two kernels at least. */
export interface Measurement {
  readonly product: string;
  readonly flops: number;
  /** Milliseconds by tile name; undefined if it does not run here, or computes wrongly. */
  readonly times: ReadonlyMap<string, number | undefined>;
  /** Names of kernels whose sums were wrong. */
  readonly wrong: readonly string[];
  readonly chosen: string;
}

const MILLISECONDS = 1500;
/** Waiting for the device is not measuring: the time for all of it grows by so many waits. */
const WAITS = 20;
const MOST_REPEATS = 256;
const ROUNDS = 3;
/** Slower than the best by this factor in the first round is not measured again. Less may be other work on the machine. */
const HOPELESS = 3;

/** Measures a few kernels a product on first use, and keeps the fastest. */
export class TileTuner {
  readonly #owner: DeviceOwner;
  readonly #pipelines: Pipelines;
  readonly #latency: number;
  readonly #adapter: string;
  /** Kernels that computed a product wrongly. */
  readonly #wrong: MatmulTile[] = [];
  readonly #memory: TileMemory;
  readonly #milliseconds: number;
  /** What was measured by this tuner, in order. */
  readonly measurements: Measurement[] = [];
  /** {@link Variant.code} of the kernels that were given out, by {@link problemName}. */
  readonly kernels = new Map<string, string>();

  constructor(owner: DeviceOwner, pipelines: Pipelines, latency: number, adapter: string, tuning: Tuning) {
    this.#owner = owner;
    this.#pipelines = pipelines;
    this.#memory = new TileMemory(tuning.remembered, adapter);
    this.#latency = latency;
    this.#adapter = adapter;
    this.#milliseconds = tuning.milliseconds ?? MILLISECONDS + WAITS * latency;
  }

  /**
   * A kernel for every product, by {@link problemName}. What is not measured in time takes the kernel that won the largest
   * product of the same layout, or else its likeliest, and keeps it: the same plan compiles to the same kernels from then on.
   * What is not measured because of a stop, or for want of scratch memory, takes its likeliest for this once.
   *
   * @throws DeviceLostError if a kernel takes the device away; the next compilation does without that kernel
   * @throws EngineError if the device was lost under every kernel of a product
   * @throws WrongNumbersError if every kernel of a product computes wrongly
   */
  async choose(products: readonly Product[], watch: CompileWatch = {}): Promise<ReadonlyMap<string, MatmulTile>> {
    const chosen = await this.#choose(products, watch);
    for (const { problem, variants } of products) {
      const tile = chosen.get(problemName(problem));
      const variant = variants.find((each) => each.tile === tile);
      if (variant !== undefined) this.kernels.set(problemName(problem), variant.code);
    }
    return chosen;
  }

  async #choose(products: readonly Product[], watch: CompileWatch): Promise<ReadonlyMap<string, MatmulTile>> {
    const known = await this.#memory.recall();
    const chosen = new Map<string, MatmulTile>();
    const winners = new Map<string, MatmulTile>();
    const open: { readonly product: Product; readonly variants: readonly Variant[] }[] = [];
    for (const product of products) {
      const { chosen: kept, lost = [] } = known.get(product.key) ?? {};
      const variants = product.variants.filter(({ name }) => !lost.includes(name));
      const recalled = variants.find(({ name }) => name === kept) ?? (variants.length === 1 ? variants[0] : undefined);
      if (variants.length === 0)
        throw new EngineError(
          `webgpu: the device was lost under every matmul kernel for ${problemName(product.problem)}. Use the CPU engine.`,
        );
      if (recalled === undefined) open.push({ product, variants });
      else {
        chosen.set(problemName(product.problem), recalled.tile);
        if (recalled.name === kept) keepFirst(winners, layoutOf(product), recalled.tile);
      }
    }
    if (open.length === 0) return chosen;

    const learned = new Map<string, KnownTiles>();
    const settle = ({ key }: Product, { name }: Variant): void => void learned.set(key, { chosen: name });
    // One loss is enough, though the kernel may have had no part in it: not to try it costs one kernel of one product at
    // most, and a second loss in a row moves a run to the CPU engine.
    const lose = ({ key }: Product, { name }: Variant): void => void learned.set(key, { lost: [name] });
    const variantOf = (key: string, name: string): Variant | undefined =>
      open.find(({ product }) => product.key === key)?.variants.find((variant) => variant.name === name);
    // A software adapter may compile for longer than it may measure: what is compiled for the largest product is compared there.
    let deadline = performance.now() + this.#milliseconds;
    let stopwatch: Stopwatch | undefined;
    try {
      stopwatch = await Stopwatch.create(
        this.#owner,
        this.#pipelines,
        this.#latency,
        open.flatMap(({ variants }) => variants.flatMap(({ dispatches }) => dispatches)),
      );
      for (const [index, { product, variants }] of layoutsFirst(open).entries()) {
        if (watch.signal?.aborted === true) break;
        const layout = layoutOf(product);
        if (performance.now() < deadline) {
          watch.progress?.('measuring', index, open.length);
          await stopwatch.compile(variants.flatMap(({ dispatches }) => dispatches));
          if (index === 0) deadline = performance.now() + this.#milliseconds;
          const measured = await this.#measure(stopwatch, product, variants, deadline, lose);
          if (measured === undefined) continue;
          settle(product, measured.winner);
          if (measured.compared) keepFirst(winners, layout, measured.winner.tile);
        } else {
          const borrowed = winners.get(layout);
          const trusted = variants.filter(({ tile }) => !this.#wrong.some((other) => isKin(tile, other)));
          const likeliest = trusted.find(({ tile }) => borrowed !== undefined && isKin(tile, borrowed)) ?? trusted[0] ?? variants[0];
          if (likeliest !== undefined) settle(product, likeliest);
        }
      }
      watch.progress?.('measuring', open.length, open.length);
    } catch (error) {
      // No room for scratch buffers: the likeliest kernels it is, for this once. The program itself may still fit.
      if (!(error instanceof EngineError)) {
        // What was measured before the device was lost holds on the next one.
        await this.#memory.remember(learned, (key, name) => variantOf(key, name) !== undefined);
        throw error;
      }
    } finally {
      stopwatch?.dispose();
    }
    const kept = await this.#memory.remember(learned, (key, name) => variantOf(key, name) !== undefined);
    for (const { product, variants } of open) {
      const { key, problem } = product;
      const name = learned.has(key) ? kept.get(key)?.chosen : undefined;
      // Not `candidates[0]`, under which the device may have been lost.
      const variant = (name === undefined ? undefined : variantOf(key, name)) ?? variants[0];
      if (variant !== undefined) chosen.set(problemName(problem), variant.tile);
    }
    return chosen;
  }

  /**
   * @returns the fastest that runs here and computes rightly, and whether there was time for another; undefined if none runs
   * @throws WrongNumbersError if some run, and none computes rightly
   */
  async #measure(
    stopwatch: Stopwatch,
    product: Product,
    variants: readonly Variant[],
    deadline: number,
    lose: (product: Product, variant: Variant) => void,
  ): Promise<{ readonly winner: Variant; readonly compared: boolean } | undefined> {
    const late = (): boolean => performance.now() > deadline;
    const times = new Map<string, number | undefined>();
    const { running, wrong } = await this.#firstRuns(stopwatch, product, variants, late, lose, times);
    let repeats = 1;
    const round = async (entries: readonly Running[]): Promise<void> => {
      const answers = await stopwatch.times(
        entries.map(({ timed }) => timed),
        repeats,
      );
      for (const [index, { variant }] of entries.entries()) {
        const before = times.get(variant.name);
        // At least one kernel must be timed. Answers that are on their way cost nothing.
        if (before === undefined && late() && index > 0 && !stopwatch.waitsLong) break;
        const time = await attempt(product, variant, lose, async () => (await answers[index]?.()) ?? Infinity);
        times.set(variant.name, time === undefined ? undefined : Math.min(before ?? Infinity, time));
      }
    };
    const [first] = running;
    if (first !== undefined) {
      // The same for all, so that launching weighs the same.
      repeats = (await attempt(product, first.variant, lose, () => repeatsOf(stopwatch, first.timed))) ?? 1;
      await round(running);
    }
    const best = Math.min(...[...times.values()].map((time) => time ?? Infinity));
    const hopeful = running.filter(({ variant }) => (times.get(variant.name) ?? Infinity) < HOPELESS * best);
    for (let rounds = 1; rounds < ROUNDS && hopeful.length > 1 && !late(); rounds++) await round(hopeful);
    const timeOf = ({ name }: Variant): number => times.get(name) ?? Infinity;
    const [winner] = variants.toSorted((a, b) => timeOf(a) - timeOf(b));
    if (winner === undefined || timeOf(winner) === Infinity) {
      if (wrong.length > 0)
        throw new WrongNumbersError(
          `${problemName(product.problem)} — expected a kernel that is right, got ${wrong.length} that are wrong`,
          this.#adapter,
        );
      return undefined;
    }
    if (times.size > 1)
      this.measurements.push({ product: problemName(product.problem), flops: product.flops, times, wrong, chosen: winner.name });
    return { winner, compared: times.size > 1 };
  }

  /** Runs every kernel once, while drivers finish compiling it, and drops those that the device refuses or that compute wrongly. */
  async #firstRuns(
    stopwatch: Stopwatch,
    product: Product,
    variants: readonly Variant[],
    late: () => boolean,
    lose: (product: Product, variant: Variant) => void,
    times: Map<string, number | undefined>,
  ): Promise<{ readonly running: readonly Running[]; readonly wrong: readonly string[] }> {
    const truth = truthOf(product);
    const running: Running[] = [];
    const wrong: string[] = [];
    const going: (() => Promise<void>)[] = [];
    for (const variant of variants) {
      // At least one kernel must be known to run.
      if (late() && running.length > 0) break;
      const started = await attempt(product, variant, lose, async () => {
        const timed = await stopwatch.prepare(variant.dispatches);
        return { timed, sums: await stopwatch.first(timed, truth) };
      });
      if (started === undefined) times.set(variant.name, undefined);
      else
        going.push(async () => {
          const sums = await attempt(product, variant, lose, started.sums);
          if (sums !== undefined && isRight(truth, sums)) {
            running.push({ variant, timed: started.timed });
            return;
          }
          times.set(variant.name, undefined);
          if (sums === undefined) return;
          wrong.push(variant.name);
          this.#wrong.push(variant.tile);
        });
      if (!stopwatch.waitsLong) await going.pop()?.();
    }
    // If the device is lost, the first that does not answer is the one under which it was.
    for (const answer of going) await answer();
    return { running, wrong };
  }
}

interface Running {
  readonly variant: Variant;
  readonly timed: Timed;
}

/** What the device refuses is not chosen; a kernel that takes the device away is not tried again. */
async function attempt<T>(
  product: Product,
  variant: Variant,
  lose: (product: Product, variant: Variant) => void,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DeviceLostError) lose(product, variant);
    else if (error instanceof EngineError) return undefined;
    throw error;
  }
}

/** How its operands are loaded: what a kernel's speed hangs on most, beside the adapter. */
function layoutOf({ problem: { form } }: Product): string {
  return `${form.a} ${form.b}`;
}

/** The largest product of every layout before the others, so that those that are not measured in time can go by it. */
function layoutsFirst<T extends { readonly product: Product }>(open: readonly T[]): T[] {
  const seen = new Set<string>();
  const first = open.filter(({ product }) => !seen.has(layoutOf(product)) && seen.add(layoutOf(product)));
  return [...first, ...open.filter((each) => !first.includes(each))];
}

/** The same sums by the same method, as many at a time; how many threads stand side by side follows the product. */
function isKin(a: MatmulTile, b: MatmulTile): boolean {
  return a.method === b.method && a.rows === b.rows && a.columns === b.columns && a.depth === b.depth && a.steps === b.steps;
}

function keepFirst<K, V>(map: Map<K, V>, key: K, value: V): void {
  if (!map.has(key)) map.set(key, value);
}

/** How often a kernel runs in one sample. */
async function repeatsOf(stopwatch: Stopwatch, timed: Timed): Promise<number> {
  let repeats = 1;
  while (repeats < MOST_REPEATS && (await stopwatch.time(timed, repeats)) * timed.share * repeats < stopwatch.sampleMilliseconds)
    repeats *= 4;
  return repeats;
}
