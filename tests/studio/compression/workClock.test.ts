import { describe, expect, test } from 'vitest';
import { Ticker } from '../../../src/studio/compression/ticker.ts';
import { Pace, WorkClock } from '../../../src/studio/compression/workClock.ts';
import { RunBench } from '../runs/runBench.ts';

const bench = new RunBench();
const HOUR = 3600_000;

/** A clock that a test moves. */
class Hands {
  ms = 1e6;
  readonly now = (): number => this.ms;
}

describe('time left', () => {
  /** Steps of 100 ms; `before` moves the clock at the start of a step. @returns seconds left after each step */
  const run = async (before: (step: number, hands: Hands) => void, slower = (_step: number): number => 100): Promise<number[]> => {
    const { recipe } = await bench.open('ticker');
    const hands = new Hands();
    const left: number[] = [];
    const ticker = new Ticker(
      { ...recipe, steps: 100, evaluateEvery: 1000 },
      (event) => {
        if (event.kind === 'step') left.push(event.secondsLeft);
      },
      new WorkClock(hands.now),
    );
    for (let step = 1; step <= 60; step++) {
      ticker.begin();
      before(step, hands);
      hands.ms += slower(step);
      ticker.step(step, 'compactors', 1, 1, 1e-4);
    }
    return left;
  };

  test('is told from the second step on', async () => {
    const left = await run(() => {});
    expect(left[0]).toBe(0);
    expect(left[1]).toBeCloseTo(9.8, 6);
    expect(left[59]).toBeCloseTo(4, 6);
  });

  test('does not heed sleep, nor a clock that goes back', async () => {
    const left = await run((step, hands) => {
      if (step === 20) hands.ms += 8 * HOUR;
      if (step === 30) hands.ms -= 3 * HOUR;
      if (step === 40) hands.ms += 24 * HOUR;
    });
    for (const step of [20, 21, 30, 31, 40, 41, 60]) expect(left[step - 1]).toBeCloseTo(0.1 * (100 - step), 6);
  });

  test('follows a machine that has become slower', async () => {
    const left = await run(
      () => {},
      (step) => (step > 20 ? 1000 : 100),
    );
    expect(left[59]).toBeCloseTo(40, 6);
  });
});

test('a pace leaves single outliers out and says how long they were', () => {
  const pace = new Pace();
  for (const seconds of [0.1, 0.12, 0.11]) expect(pace.add(seconds)).toBe(0);
  expect(pace.add(500)).toBeCloseTo(500 - 0.11, 6);
  expect(pace.value).toBeCloseTo(0.11, 6);
  expect(pace.add(-5)).toBe(0);
  expect(pace.value).toBeCloseTo(0.11, 6);
});

test('a run that slept and waited counts its work alone, and trains as if nothing had been', async () => {
  const plain = await bench.open('awake');
  const wanted = await plain.session.start(plain.recipe, () => {});
  // Every look at the clock is a millisecond later than the one before.
  const hands = new Hands();
  const now = (): number => (hands.ms += 1);
  const { session, recipe } = await bench.open('asleep', { now });
  const left: number[] = [];
  const rates: number[] = [];
  const result = await session.start(recipe, (event) => {
    if (event.kind !== 'step') return;
    left.push(event.secondsLeft);
    rates.push(event.learningRate);
    if (event.step === 5) {
      void session.pause();
      setTimeout(() => {
        hands.ms += 24 * HOUR;
        void session.resume();
      }, 100);
    }
    if (event.step === 8) hands.ms += 8 * HOUR;
  });
  expect({ ...result, seconds: 0 }).toEqual({ ...wanted, seconds: 0 });
  expect(Math.max(...left)).toBeLessThan(1);
  expect(result.seconds).toBeGreaterThan(0);
  expect(result.seconds).toBeLessThan(1);
});
