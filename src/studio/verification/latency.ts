import type { OnnxLatency } from '../api/exporting.ts';
import type { OnnxRuntime } from './onnxRuntime.ts';
import type { Progress } from './progress.ts';
import type { TextBatch } from './textBatch.ts';

const WARM_UP = 3;
const MOST_RUNS = 40;
const LEAST_RUNS = 5;
/** Milliseconds that one file's measurement may take, once it has its least runs. */
const BUDGET = 4000;

/** Times files in turn, a run each, so that whatever else the machine does slows all of them alike. */
export async function measureLatency(
  runtimes: readonly OnnxRuntime[],
  batch: TextBatch,
  progress: Progress,
  clock = (): number => performance.now(),
): Promise<OnnxLatency[]> {
  const times = runtimes.map((): number[] => []);
  for (let round = -WARM_UP; round < MOST_RUNS; round++) {
    for (const [i, runtime] of runtimes.entries()) {
      const began = clock();
      await runtime.run(batch);
      if (round >= 0) times[i]?.push(clock() - began);
    }
    const slowest = Math.max(...times.map((list) => list.reduce((sum, time) => sum + time, 0)));
    const enough = round + 1 >= MOST_RUNS || (round + 1 >= LEAST_RUNS && slowest > BUDGET);
    await progress(enough ? MOST_RUNS : Math.max(0, round + 1), MOST_RUNS);
    if (enough) break;
  }
  return times.map((list) => ({
    batch: batch.batch,
    length: batch.length,
    runs: list.length,
    median: quantile(list, 0.5),
    p95: quantile(list, 0.95),
  }));
}

/** The smallest value that at least this share of all does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
