import { expect } from 'vitest';
import type { GoldenTrainingErrors } from './goldenTraining.ts';

/** What float32 may differ by from PyTorch's float64 after 20 steps. */
export function expectGoldenTraining({ loss, gradientNorm, compactors, steps }: GoldenTrainingErrors): void {
  expect(steps).toBe(20);
  expect(loss).toBeLessThan(5e-5);
  expect(gradientNorm).toBeLessThan(5e-4);
  // Adam divides noise by noise where a gradient is zero but for rounding.
  expect(compactors).toBeLessThan(2e-3);
}
