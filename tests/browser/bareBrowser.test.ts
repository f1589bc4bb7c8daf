// Browsers that refuse or lack what others have: no storage.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Page } from 'playwright-core';
import { preview, type PreviewServer } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BROWSER_ARGS, findBrowser } from '../../scripts/browser.mjs';
import { dropGolden, waitForStatus } from './browser.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
let server: PreviewServer;
let url = '';

beforeAll(async () => {
  server = await preview({
    root: ROOT,
    logLevel: 'error',
    preview: { port: 0, host: '127.0.0.1', open: false },
  });
  url = server.resolvedUrls?.local[0] ?? '';
});
afterAll(async () => {
  await server.close();
});

function faultsOf(page: Page): readonly string[] {
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  return faults;
}

/** A run from Start to the history, where nothing outlives the tab. */
async function runsInMemory(page: Page, why: RegExp): Promise<void> {
  await page.getByTestId('engine').waitFor();
  await page.getByTestId('not-kept').filter({ hasText: why }).waitFor();
  expect(await page.getByTestId('fault').count()).toBe(0);
  await dropGolden(page, { batch: 4, sequence: 32, steps: 6, evaluateEvery: 6 });
  await page.getByTestId('start').click();
  await waitForStatus(page, 'done');
  await page.getByTestId('runs').click();
  await page.getByTestId('run-line').filter({ hasText: '6 of 6 steps' }).waitFor();
  await page.getByTestId('run-line').getByRole('button', { name: 'Open' }).click();
  await page.getByTestId('results').waitFor();
  expect(await page.getByTestId('fault').count()).toBe(0);
}

test('a profile that blocks site data trains all the same, says that nothing outlives the tab, and keeps the theme until then', async () => {
  const profile = mkdtempSync(join(tmpdir(), 'wid-blocked-'));
  mkdirSync(join(profile, 'Default'));
  writeFileSync(join(profile, 'Default', 'Preferences'), JSON.stringify({ profile: { default_content_setting_values: { cookies: 2 } } }));
  const context = await chromium.launchPersistentContext(profile, { executablePath: await findBrowser(), args: [...BROWSER_ARGS] });
  try {
    const page = await context.newPage();
    const faults = faultsOf(page);
    await page.goto(url);
    expect(
      await page.evaluate(() => {
        try {
          return localStorage.length;
        } catch {
          return 'refused';
        }
      }),
    ).toBe('refused');
    await page.getByLabel('Dark theme').click();
    await page.locator('html[data-theme=dark]').waitFor();
    await runsInMemory(page, /refuses storage to this site.*Allow site data/s);
    expect(faults).toEqual([]);
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
});
