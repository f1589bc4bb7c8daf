import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { preview } from 'vite';
import { BROWSER_ARGS, findBrowser } from '../../scripts/browser.mjs';
import { BROWSER_OPTIMISES_LATE } from '../optimiseLate.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const GOLDEN = fileURLToPath(new URL('../golden/checkpoints/safetensors/', import.meta.url));
const PROSE = fileURLToPath(new URL('../../public/demo/prose/a1.txt', import.meta.url));
/** Milliseconds that anything on a page may take to show where a test says nothing else: for machines that others share. */
const PATIENCE = 300_000;

/** The built app served on a free port, and a browser with a fresh profile beside it. */
export interface Stage {
  /** Address of the studio page, with the closing slash. */
  readonly url: string;
  readonly browser: Browser;
  /** A profile of its own, whose tabs share their storage. */
  context(): Promise<BrowserContext>;
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
  const browser = await chromium.launch({
    executablePath: await findBrowser(),
    args: [...BROWSER_ARGS, BROWSER_OPTIMISES_LATE, ...extraArgs],
  });
  const context = async (): Promise<BrowserContext> => {
    const made = await browser.newContext();
    made.setDefaultTimeout(PATIENCE);
    return made;
  };
  return {
    url,
    browser,
    context,
    async open(path = '') {
      const page = await (await context()).newPage();
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

/** Drops files from the disk on the middle of the page, as a file manager does. */
export async function dropFiles(page: Page, paths: readonly string[]): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const place = { x: 640, y: 360, data: { items: [], files: [...paths], dragOperationsMask: 1 } };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) await session.send('Input.dispatchDragEvent', { type, ...place });
  await session.detach();
}

export async function waitForStatus(page: Page, status: string): Promise<void> {
  await page.locator(`[data-testid=run-status][data-status=${status}]`).waitFor();
}

export async function setField(page: Page, name: string, value: number): Promise<void> {
  await page.getByTestId(`field-${name}`).fill(String(value));
  await page.getByTestId(`field-${name}`).press('Enter');
}

/** What the page shows of a place, now. What arrives by a message of the worker is to be polled for, or waited for. */
export const textIn = async (page: Page, testId: string): Promise<string> => (await page.getByTestId(testId).textContent()) ?? '';

/** @returns asks for all that a place has shown from now on, however short a time it stood there. The place may come later. */
export async function everySaid(page: Page, testId: string): Promise<() => Promise<readonly string[]>> {
  const said = await page.evaluateHandle((id) => {
    const texts = new Set<string>();
    new MutationObserver(() => texts.add(document.querySelector(`[data-testid=${id}]`)?.textContent ?? '')).observe(document.body, {
      subtree: true,
      childList: true,
      characterData: true,
    });
    return texts;
  }, testId);
  return () => said.evaluate((texts) => [...texts]);
}

export const numberIn = async (page: Page, testId: string): Promise<number> => Number(await page.getByTestId(testId).textContent());

/** A tab on the WebGPU engine: Chromium's software adapter stands in for a GPU. @param tuning whether kernels are measured */
export async function openOnWebGpu(stage: Stage, tuning = true): Promise<{ readonly page: Page; readonly faults: readonly string[] }> {
  const tab = await stage.open(`?engine=webgpu${tuning ? '' : '&tuning=off'}`);
  await tab.page
    .getByTestId('engine')
    .filter({ hasText: /WebGPU/ })
    // Some fifty kernels of the comparison with the reference engine are compiled before.
    .waitFor();
  return tab;
}

/** Drops the golden checkpoint and a text of the demo, and sets fields of the recipe. */
export async function dropGolden(page: Page, fields: Readonly<Record<string, number>>): Promise<void> {
  await dropFiles(page, [...readdirSync(GOLDEN).map((name) => `${GOLDEN}${name}`), PROSE]);
  await page.getByTestId('text-report').waitFor();
  for (const [name, value] of Object.entries(fields)) await setField(page, name, value);
}

/** Saves from a menu and gives the file's text. */
export async function saved(page: Page, menu: string, item: string): Promise<string> {
  await page.getByLabel(menu, { exact: true }).click();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: item }).click()]);
  return readFileSync(await download.path(), 'latin1');
}
