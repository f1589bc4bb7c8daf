import { describe, expect, test } from 'vitest';
import { Random } from '../../../src/tensor/random.ts';
import { StudioError } from '../../../src/tensor/studioError.ts';
import { TARGETS } from '../../fuzz/targets.ts';

describe('damaged files: a typed error in bounded time, for every parser', () => {
  test.each(TARGETS.map((target) => [target.name, target] as const))('%s', async (_, { good, make, run, slow }) => {
    for (const bytes of good) expect(await run(bytes).then(() => 'read')).toBe('read');
    for (let number = 0; number < (slow === true ? 3 : 250); number++)
      await run(make(new Random(1000 + number))).catch((error: unknown) => {
        if (!(error instanceof StudioError)) throw error;
        expect(error.message.length).toBeLessThan(2000);
      });
  });
});
