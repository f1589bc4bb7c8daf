import { expect, test } from 'vitest';
import { openSmallPage } from './smallPage.ts';

const MIB = 2 ** 20;

test('trials of room and writes in several tabs do not take each other’s room', async () => {
  const small = await openSmallPage('room', 'room');
  try {
    const { page } = small;
    const session = await page.context().newCDPSession(page);
    const { origin } = new URL(page.url());
    // A trial fits beside the file that is there, not beside the one that replaces it too, nor beside another trial.
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 40 * MIB });
    expect(await page.evaluate((bytes) => room.free(bytes), 41 * MIB)).toBeLessThan(41 * MIB);
    // What is wanted is an estimate, and may end within a byte.
    expect(await page.evaluate((bytes) => room.free(bytes), 10 * MIB + 0.6)).toBeGreaterThan(10 * MIB);
    expect(await page.evaluate(([wanted, written]) => room.together(30, wanted, written), [24 * MIB, 10 * MIB] as const)).toEqual([]);
  } finally {
    await small.close();
  }
});
