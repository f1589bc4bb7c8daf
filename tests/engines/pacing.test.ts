import { describe, expect, test } from 'vitest';
import { Pacing, type Part } from '../../src/engines/webgpu/pacing.ts';

/** A step of a large student: 300 products of 2 GFLOP, each followed by small kernels. */
const STEP = Array.from({ length: 300 }, () => [2e9, 2e6, 2e6]).flat();
/** Weight a millisecond: from a processor that plays a GPU to a data centre's. */
const DEVICES = [
  ['5 GFLOP/s', 5e6],
  ['100 GFLOP/s', 1e8],
  ['3 TFLOP/s', 3e9],
  ['60 TFLOP/s', 6e10],
] as const;
/** Milliseconds that a page waits for any submission. */
const LATENCY = 2;

/** Runs all of a plan on an imagined device. @returns milliseconds of every submission */
function firstRun(pacing: Pacing, weights: readonly number[], speed: number): number[] {
  const times: number[] = [];
  for (let first = 0; first < weights.length;) {
    const part = pacing.next(first);
    expect(part.first).toBe(first);
    expect(part.end).toBeGreaterThan(first);
    times.push(work(weights, part, speed));
    pacing.took(part, work(weights, part, speed) + LATENCY);
    first = part.end;
  }
  return times;
}

function work(weights: readonly number[], { first, end }: Part, speed: number): number {
  return weights.slice(first, end).reduce((sum, weight) => sum + weight, 0) / speed;
}

describe.each(DEVICES)('at %s', (_, speed) => {
  const largest = Math.max(...STEP) / speed;

  test('no submission of a first run is long, and there are not many more than needed', () => {
    const times = firstRun(new Pacing(STEP), STEP, speed);
    // One dispatch more than fits, at the most: it cannot be cut. Far below a watchdog's two seconds.
    expect(Math.max(...times)).toBeLessThan(50 + largest + 1);
    const total = STEP.reduce((sum, weight) => sum + weight, 0) / speed;
    expect(times.length).toBeLessThan(Math.max(total / 25, total / largest) + 12);
  });

  test('later runs are cut evenly into submissions of about 50 ms, which hold every dispatch once', () => {
    const pacing = new Pacing(STEP);
    const times = firstRun(pacing, STEP, speed);
    expect(pacing.known).toBe(false);
    pacing.tookWhole(times.reduce((sum, time) => sum + time, 0));
    expect(pacing.known).toBe(true);
    const parts = pacing.parts();
    expect(parts.flatMap(({ first, end }) => STEP.slice(first, end))).toEqual(STEP);
    const longest = Math.max(...parts.map((part) => work(STEP, part, speed)));
    expect(longest).toBeLessThan(50 + largest + 1);
    expect(parts.length).toBeLessThanOrEqual(Math.ceil(times.reduce((sum, time) => sum + time, 0) / 50));
  });
});

test('a plan without dispatches has no submissions', () => {
  const pacing = new Pacing([]);
  pacing.tookWhole(0);
  expect(pacing.parts()).toEqual([]);
});
