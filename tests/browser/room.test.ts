import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { expect, test } from 'vitest';
import { build, preview } from 'vite';
import { BROWSER_ARGS, findBrowser } from '../../scripts/browser.mjs';

const PAGE = fileURLToPath(new URL('room/', import.meta.url));
const MIB = 2 ** 20;

test('trials of room and writes in several tabs do not take each other’s room', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'wid-studio-room-'));
  const shared = { root: PAGE, configFile: false, logLevel: 'error' } as const;
  await build({ ...shared, build: { outDir: folder, target: 'esnext', emptyOutDir: true }, worker: { format: 'es' } });
  const server = await preview({ ...shared, build: { outDir: folder }, preview: { port: 0, host: '127.0.0.1' } });
  const browser = await chromium.launch({ executablePath: await findBrowser(), args: [...BROWSER_ARGS] });
  try {
    const page = await browser.newPage();
    await page.goto(server.resolvedUrls?.local[0] ?? '');
    await page.waitForFunction(() => 'room' in globalThis);
    const session = await page.context().newCDPSession(page);
    const { origin } = new URL(page.url());
    // A trial fits beside the file that is there, not beside the one that replaces it too, nor beside another trial.
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 40 * MIB });
    expect(await page.evaluate((bytes) => room.free(bytes), 41 * MIB)).toBeLessThan(41 * MIB);
    // What is wanted is an estimate, and may end within a byte.
    expect(await page.evaluate((bytes) => room.free(bytes), 10 * MIB + 0.6)).toBeGreaterThan(10 * MIB);
    expect(await page.evaluate(([wanted, written]) => room.together(30, wanted, written), [24 * MIB, 10 * MIB] as const)).toEqual([]);
  } finally {
    await browser.close();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
