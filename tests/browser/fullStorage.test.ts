import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CDPSession, Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { dropFiles, numberIn, openStage, setField, waitForStatus } from './browser.ts';
import { keptRecords } from './keptRecords.ts';

const CHECKPOINT = fileURLToPath(new URL('../golden/checkpoints/safetensors/', import.meta.url));
const PROSE = fileURLToPath(new URL('../../public/demo/prose/a1.txt', import.meta.url));

/** Gives the page's site so many bytes beyond what it uses; undefined = what the disk has. */
async function leaveRoom(session: CDPSession, page: Page, bytes: number | undefined): Promise<void> {
  const usage = await page.evaluate(async () => (await navigator.storage.estimate()).usage ?? 0);
  const { origin } = new URL(page.url());
  await session.send('Storage.overrideQuotaForOrigin', { origin, ...(bytes === undefined ? {} : { quotaSize: usage + bytes }) });
}

const keptAt = async (page: Page): Promise<number> =>
  Number(/kept at step ([\d,]+)/.exec((await page.getByTestId('stage').textContent()) ?? '')?.[1]?.replaceAll(',', '') ?? 0);

test('a run that would not fit is refused, one whose storage fills up waits, and both go on when there is room', async () => {
  const stage = await openStage();
  try {
    const { page, faults } = await stage.open();
    const session = await page.context().newCDPSession(page);
    await dropFiles(page, [...readdirSync(CHECKPOINT).map((name) => `${CHECKPOINT}${name}`), PROSE]);
    await page.getByTestId('text-report').waitFor();
    for (const [name, value] of Object.entries({ batch: 4, sequence: 32, steps: 200_000, evaluateEvery: 200_000 }))
      await setField(page, name, value);

    await leaveRoom(session, page, 800_000);
    await page.getByTestId('start').click();
    const fault = page.getByTestId('fault');
    await fault.waitFor();
    expect(await fault.textContent()).toMatch(
      /There is no room to keep the run.*room for checkpoints.*[Mk]B.*[67]\d\d kB.*Delete old runs/s,
    );
    await waitForStatus(page, 'failed');
    expect(await keptRecords(page)).toEqual([]);
    await fault.getByLabel('Dismiss').click();

    await leaveRoom(session, page, undefined);
    await page.getByTestId('start').click();
    await expect.poll(() => keptAt(page)).toBeGreaterThan(0);
    await leaveRoom(session, page, 0);
    await waitForStatus(page, 'paused');
    expect(await fault.textContent()).toMatch(/There is no room to keep the run.*The run waits, and what was kept stays/s);
    const kept = await keptAt(page);
    // What was done when the room ended is done; what the page shows of it comes a moment later.
    await expect.poll(() => numberIn(page, 'step-value')).toBeGreaterThan(kept);
    const step = await numberIn(page, 'step-value');

    // Still none: it stays paused, and says so again.
    await fault.getByLabel('Dismiss').click();
    await page.getByTestId('resume').click();
    await fault.waitFor();
    expect(await fault.textContent()).toMatch(/still is no room/);
    await waitForStatus(page, 'paused');
    expect(await keptAt(page)).toBe(kept);

    await leaveRoom(session, page, undefined);
    await fault.getByLabel('Dismiss').click();
    await page.getByTestId('resume').click();
    await expect.poll(() => keptAt(page)).toBeGreaterThan(step);
    await page.getByTestId('stop').click();
    await waitForStatus(page, 'done');
    const [record] = await keptRecords(page);
    expect(record).toMatchObject({ ending: 'stopped', done: await numberIn(page, 'step-value') });
    // No step was lost or done twice.
    const steps = record?.metrics.steps ?? new Float32Array(0);
    expect(steps).toHaveLength(5 * (record?.done ?? 0));
    expect(faults).toEqual([]);
  } finally {
    await stage.close();
  }
});
