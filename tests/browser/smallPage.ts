import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Page } from 'playwright-core';
import { build, preview } from 'vite';
import { BROWSER_ARGS, findBrowser } from '../../scripts/browser.mjs';
import { BROWSER_OPTIMISES_LATE } from '../optimiseLate.ts';

const ISOLATED = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

export interface SmallPage {
  readonly page: Page;
  close(): Promise<void>;
}

/**
 * A page that holds one script of a test and its workers: built as the studio is, served with isolation.
 * @param folder beside this file, with the script as `page.ts`
 * @returns its address
 */
export async function serveSmallPage(folder: string): Promise<{ readonly url: string; close(): Promise<void> }> {
  const scratch = mkdtempSync(join(tmpdir(), `wid-studio-${folder}-`));
  const root = join(scratch, 'page');
  const outDir = join(scratch, 'built');
  mkdirSync(root);
  const script = fileURLToPath(new URL(`${folder}/page.ts`, import.meta.url));
  writeFileSync(
    join(root, 'index.html'),
    `<!doctype html><html lang="en"><title>${folder}</title><link rel="icon" href="data:,"><script type="module" src="${script}"></script>`,
  );
  const shared = { root, configFile: false, logLevel: 'error' } as const;
  await build({ ...shared, build: { outDir, target: 'esnext' }, worker: { format: 'es' } });
  const server = await preview({ ...shared, build: { outDir }, preview: { port: 0, host: '127.0.0.1', headers: ISOLATED } });
  return {
    url: server.resolvedUrls?.local[0] ?? '',
    async close() {
      await server.close();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

/**
 * A small page in a Chromium of its own.
 * @param folder of `serveSmallPage`
 * @param ready the global by which the script gives its functions to the test
 * @param extraArgs more switches for the browser
 */
export async function openSmallPage(folder: string, ready: string, extraArgs: readonly string[] = []): Promise<SmallPage> {
  const served = await serveSmallPage(folder);
  const small = await showSmallPage(served.url, ready, extraArgs);
  return {
    page: small.page,
    async close() {
      await small.close();
      await served.close();
    },
  };
}

/** The page at an address in a Chromium of its own. @param ready as above */
export async function showSmallPage(url: string, ready: string, extraArgs: readonly string[] = []): Promise<SmallPage> {
  const browser = await chromium.launch({
    executablePath: await findBrowser(),
    args: [...BROWSER_ARGS, BROWSER_OPTIMISES_LATE, ...extraArgs],
  });
  const page = await browser.newPage();
  page.on('console', (message) => message.type() === 'error' && console.log(message.text()));
  await page.goto(url);
  await page.waitForFunction((name) => name in globalThis, ready);
  return { page, close: () => browser.close() };
}
