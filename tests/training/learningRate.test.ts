import { describe, expect, test } from 'vitest';
import { learningRateAt, RATE_DECAYS } from '../../src/training/learningRate.ts';

describe.each(RATE_DECAYS)('learning rate with %s decay', (decay) => {
  test('rises in a line to the peak, then only falls, and ends above zero at the last step', () => {
    const rates = Array.from({ length: 200 }, (_, step) => learningRateAt(step, 200, 3e-4, 0.1, decay));
    for (let step = 0; step < 20; step++) expect(rates[step]).toBeCloseTo((3e-4 * (step + 1)) / 20, 15);
    expect(Math.max(...rates)).toBe(rates[19]);
    for (let step = 20; step < 200; step++) expect(rates[step] ?? 0).toBeLessThanOrEqual(rates[step - 1] ?? 0);
    expect(rates[199] ?? 0).toBeGreaterThan(0);
    expect(rates[199] ?? 0).toBeLessThan(3e-6);
  });

  test('is half the peak halfway down', () => {
    expect(learningRateAt(110, 200, 1, 0.1, decay)).toBeCloseTo(0.5, 12);
  });

  test('never leaves 0 to the peak, whatever the warm-up', () => {
    for (const steps of [1, 2, 7])
      for (const warmup of [0, 0.5, 1])
        for (let step = 0; step < steps; step++) {
          const rate = learningRateAt(step, steps, 1, warmup, decay);
          expect(rate).toBeGreaterThan(0);
          expect(rate).toBeLessThanOrEqual(1);
        }
  });
});
