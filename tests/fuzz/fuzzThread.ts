import { parentPort, workerData } from 'node:worker_threads';
import { Random } from '../../src/tensor/random.ts';
import { StudioError } from '../../src/tensor/studioError.ts';
import { TARGETS, type FuzzTarget } from './targets.ts';

/** What the main thread says once. */
export interface FuzzOrder {
  readonly seed: number;
  readonly seconds: number;
  /** Part of the targets' names; empty for all. */
  readonly only: string;
  /** Number of the case at hand, for the main thread to see that it moves. */
  readonly clock: SharedArrayBuffer;
}

export type FuzzNews =
  | { readonly kind: 'failure'; readonly target: string; readonly number: number; readonly error: string; readonly bytes: Uint8Array }
  | { readonly kind: 'done'; readonly counts: readonly (readonly [target: string, cases: number, refused: number, slowest: number])[] };

function isOrder(value: unknown): value is FuzzOrder {
  return typeof value === 'object' && value !== null && 'clock' in value && 'seed' in value;
}

const given: unknown = workerData;
if (!isOrder(given)) throw new Error('fuzz: this thread is started by main.ts');
const order = given;
const clock = new Int32Array(order.clock);
const targets = TARGETS.filter(({ name }) => name.includes(order.only));
if (targets.length === 0) throw new Error(`fuzz: no parser is called ${order.only}`);
const counts = new Map<string, { cases: number; refused: number; slowest: number }>();
const tell = (news: FuzzNews): void => parentPort?.postMessage(news);

function choose(random: Random): FuzzTarget {
  for (;;) {
    const target = targets[random.integer(targets.length)];
    if (target !== undefined && (target.slow !== true || random.integer(100) === 0 || targets.length === 1)) return target;
  }
}

const until = performance.now() + 1000 * order.seconds;
for (let number = 0; performance.now() < until; number++) {
  const random = new Random(order.seed + number);
  const target = choose(random);
  const bytes = target.make(random);
  Atomics.store(clock, 0, number);
  const count = counts.get(target.name) ?? { cases: 0, refused: 0, slowest: 0 };
  counts.set(target.name, count);
  count.cases += 1;
  const began = performance.now();
  try {
    await target.run(bytes);
  } catch (error) {
    count.refused += 1;
    // A message is part of the answer: short, and about the file.
    const wrong = !(error instanceof StudioError) || error.message.length > 2000;
    if (wrong)
      tell({
        kind: 'failure',
        target: target.name,
        number,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        bytes,
      });
  }
  count.slowest = Math.max(count.slowest, performance.now() - began);
}
tell({ kind: 'done', counts: [...counts].map(([name, { cases, refused, slowest }]) => [name, cases, refused, slowest]) });
