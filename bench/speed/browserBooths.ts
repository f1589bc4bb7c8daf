import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { build, preview } from 'vite';
import { BROWSER_ARGS, findBrowser } from '../../scripts/browser.mjs';
import type { Booth } from './measure.ts';

/** Booths in a real Chromium, one worker each. */
export interface BrowserStage {
  /** Browser and its version. */
  readonly host: string;
  booth(name: string): Promise<Booth>;
  close(): Promise<void>;
}

const HEADERS = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
/** Lets WebGPU contenders start where there is no GPU; the name of the adapter then says so. */
const GPU_ARGS = ['--enable-unsafe-webgpu', '--enable-features=Vulkan', '--use-webgpu-adapter=default'];
const SOFTWARE_ARGS = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];

/** Adapters that are programs. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe/i;

/** Builds the benchmark page and opens it. @param software take Chromium's software GPU */
export async function openBrowserStage(software: boolean): Promise<BrowserStage> {
  const root = fileURLToPath(new URL('page', import.meta.url));
  const outDir = mkdtempSync(join(tmpdir(), 'wid-studio-bench-'));
  await build({
    configFile: false,
    root,
    base: './',
    logLevel: 'error',
    worker: { format: 'es' },
    // TensorFlow.js starts its threads from the text of a function, which must keep its names.
    build: { target: 'esnext', outDir, emptyOutDir: true, chunkSizeWarningLimit: 100_000, minify: false },
  });
  const server = await preview({
    configFile: false,
    root,
    logLevel: 'error',
    build: { outDir },
    preview: { host: '127.0.0.1', port: 0, open: false, headers: HEADERS },
  });
  const url = server.resolvedUrls?.local[0];
  if (url === undefined) throw new Error('bench: the preview server gave no address. Run it again.');
  const args = [...BROWSER_ARGS, ...(software ? SOFTWARE_ARGS : GPU_ARGS)];
  const browser = await chromium.launch({ executablePath: await findBrowser(), args });
  const page = await browser.newPage();
  await page.goto(url);
  await page.locator('body[data-ready=yes]').waitFor({ state: 'attached' });
  const adapter = await page.evaluate(async () => {
    const found = 'gpu' in navigator ? await navigator.gpu.requestAdapter() : null;
    return found === null ? '' : `${found.info.vendor} ${found.info.architecture} ${found.info.description}`.trim();
  });
  return {
    host: `Chromium ${browser.version()}`,
    async booth(name) {
      if (name.includes('webgpu') && !software && SOFTWARE.test(adapter))
        throw new Error(`the only GPU here is software (${adapter}). --software-gpu measures it all the same.`);
      const handle = await page.evaluateHandle((contender) => window.openBooth(contender), name);
      return {
        start: (threads) => handle.evaluate(({ booth }, given) => booth.start(given), threads),
        open: (problem) => handle.evaluate(({ booth }, given) => booth.open(given), problem),
        time: (milliseconds) => handle.evaluate(({ booth }, given) => booth.time(given), milliseconds),
        close: () => handle.evaluate(({ booth }) => booth.close()),
        abandon: () => handle.evaluate(({ worker }) => worker.terminate()),
      };
    },
    async close() {
      await browser.close();
      await server.close();
      rmSync(outDir, { recursive: true, force: true });
    },
  };
}
