import { StudioError } from '../../tensor/studioError.ts';
import type { Engine } from '../engine.ts';
import { ReferenceEngine } from '../reference/referenceEngine.ts';
import { CASES, outputsOf, type Case } from './outputsOf.ts';
import { relativeError } from './relativeError.ts';

/**
 * What a case may differ by, as a share of the tensor's largest entry: float32 sums of up to 259 products and polynomials to 1e-7
 * leave a few units in the last place.
 */
export const TOLERANCE = 5e-6;

/** Cases in the works at once: a browser that tells of finished work every 100 ms then tells of several. */
const AT_ONCE = 8;

/** A case on an engine, beside the reference engine. */
export interface CaseResult {
  readonly name: string;
  /** Number of tensors that were compared. */
  readonly tensors: number;
  /** Worst relative error of any tensor; infinite where numbers are missing or not finite. */
  readonly error: number;
  /** What the engine said instead of giving numbers. */
  readonly fault: string | undefined;
}

export interface ConformanceWatch {
  /** Number of cases done, of `total`. */
  readonly progress?: (done: number, total: number) => void;
  /** No case is begun after it has aborted. */
  readonly signal?: AbortSignal;
}

async function resultOf(engine: Engine, reference: Engine, { operation, gradients }: Case): Promise<CaseResult> {
  const { name } = operation;
  try {
    const got = await outputsOf(engine, operation, gradients);
    const expected = await outputsOf(reference, operation, gradients);
    let error = got.size === expected.size ? 0 : Infinity;
    for (const [tensor, values] of expected) error = Math.max(error, relativeError(got.get(tensor) ?? [], values));
    return { name, tensors: expected.size, error, fault: undefined };
  } catch (error) {
    // A device that is lost fails every case, and there is nothing to be learnt from the next.
    if (error instanceof StudioError && error.code === 'device-lost') throw error;
    return { name, tensors: 0, error: Infinity, fault: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * Runs cases on an engine and compares every tensor with the reference engine's.
 * @returns in the order of the cases; shorter if it was aborted
 * @throws DeviceLostError if the engine's device is lost
 */
export async function conform(engine: Engine, cases: readonly Case[] = CASES, watch: ConformanceWatch = {}): Promise<CaseResult[]> {
  const reference = new ReferenceEngine();
  const results: (CaseResult | undefined)[] = cases.map(() => undefined);
  let next = 0;
  let done = 0;
  const worker = async (): Promise<void> => {
    while (next < cases.length && watch.signal?.aborted !== true) {
      const place = next++;
      const each = cases[place];
      if (each !== undefined) results[place] = await resultOf(engine, reference, each);
      watch.progress?.(++done, cases.length);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results.filter((result) => result !== undefined);
}
