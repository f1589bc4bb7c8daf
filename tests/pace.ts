/** Milliseconds of {@link work} on the 2-core server where the tests' bounds of time were set, with nothing beside it. */
const AT_HOME_MS = 35;

/** Milliseconds that a fixed piece of work takes here, the median of some. Refers to nothing outside itself: it runs in a page too. */
export function work(): number {
  const times = Array.from({ length: 9 }, () => {
    const from = performance.now();
    let sum = 0;
    for (let i = 1; i < 5_000_000; i++) sum += Math.sqrt(i) % 3;
    // Used, so that no compiler leaves the loop out.
    return sum > 0 ? performance.now() - from : 0;
  });
  return times.toSorted((a, b) => a - b)[4] ?? 0;
}

/**
 * How many times slower a machine is just now than the one where bounds of time were set; at least 1. For bounds that say what
 * somebody waits for: they are about the program, not about the machine or who else is at work on it.
 * @param took what {@link work} gave
 */
export const slowness = (took: number): number => Math.max(1, took / AT_HOME_MS);
