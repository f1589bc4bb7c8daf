import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';
import { preview } from 'vite';
import { BROWSER_ARGS, findBrowser } from '../../scripts/browser.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The built app served on a free port, and a browser with a fresh profile beside it. */
export interface Stage {
  /** Address of the studio page, with the closing slash. */
  readonly url: string;
  readonly browser: Browser;
  /** Opens `path` under the app in a tab of its own; `faults` gathers what the page throws or logs as an error. */
  open(path?: string): Promise<{ readonly page: Page; readonly faults: readonly string[] }>;
  close(): Promise<void>;
}

/**
 * @param extraArgs more switches for the browser, such as those that turn a software GPU on
 * @throws Error if the app is not built
 */
export async function openStage(extraArgs: readonly string[] = []): Promise<Stage> {
  if (!existsSync(`${ROOT}dist/index.html`)) throw new Error('browser tests: dist/index.html is missing. Run npm run build first.');
  const server = await preview({ root: ROOT, logLevel: 'error', preview: { port: 0, host: '127.0.0.1', open: false } });
  const url = server.resolvedUrls?.local[0];
  if (url === undefined) throw new Error('browser tests: the preview server gave no address. Run the tests again.');
  const browser = await chromium.launch({ executablePath: await findBrowser(), args: [...BROWSER_ARGS, ...extraArgs] });
  return {
    url,
    browser,
    async open(path = '') {
      const page = await browser.newPage();
      const faults: string[] = [];
      page.on('pageerror', (error) => faults.push(error.message));
      page.on('console', (message) => {
        if (message.type() === 'error') faults.push(message.text());
      });
      await page.goto(new URL(path, url).href);
      return { page, faults };
    },
    async close() {
      await browser.close();
      await server.close();
    },
  };
}
