import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { expect, test } from 'vitest';
import { createServer } from 'vite';
import { BROWSER_ARGS, findBrowser } from '../../scripts/browser.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

// What `npm start` serves on a machine where it never ran: no bundled packages are cached.
test('the first visit to the dev server starts the demo at the first click, and the page is not reloaded under it', async () => {
  const cacheDir = mkdtempSync(join(tmpdir(), 'wid-studio-dev-'));
  const server = await createServer({ root: ROOT, cacheDir, logLevel: 'error', server: { port: 0, host: '127.0.0.1' } });
  await server.listen();
  const browser = await chromium.launch({ executablePath: await findBrowser(), args: [...BROWSER_ARGS] });
  try {
    const page = await browser.newPage();
    const faults: string[] = [];
    let loads = 0;
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('load', () => (loads += 1));
    await page.goto(server.resolvedUrls?.local[0] ?? '');
    await page.getByRole('button', { name: 'Try it with the demo' }).click();
    await page.getByRole('button', { name: 'Stop', exact: true }).waitFor();
    expect(loads).toBe(1);
    expect(faults).toEqual([]);
  } finally {
    await browser.close();
    await server.close();
    rmSync(cacheDir, { recursive: true, force: true });
  }
});
