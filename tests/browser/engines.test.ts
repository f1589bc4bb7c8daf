import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { build, preview, type PreviewServer } from 'vite';
import { BROWSER_ARGS, findBrowser } from '../../scripts/browser.mjs';
import { expectGoldenTraining } from '../wid/expectGoldenTraining.ts';
import type { EngineUnderTest } from './engines/engines.worker.ts';

const PAGE = fileURLToPath(new URL('engines/', import.meta.url));
const GOLDEN = new URL('../golden/', import.meta.url);
const FILES = [
  'checkpoints/safetensors/config.json',
  'checkpoints/safetensors/model.safetensors',
  'wid-compactors.safetensors',
  'batch.safetensors',
  'wid-training.safetensors',
];
const ISOLATED = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

// The engines as a browser compiles and runs them, WebGPU on Chromium's software adapter: real WGSL, nothing mocked.
describe('engines in Chromium', () => {
  const folder = mkdtempSync(join(tmpdir(), 'wid-studio-engines-'));
  let server: PreviewServer;
  let browser: Browser;
  let page: Page;
  beforeAll(async () => {
    const shared = { root: PAGE, configFile: false, logLevel: 'error' } as const;
    await build({ ...shared, build: { outDir: folder, target: 'esnext', emptyOutDir: true }, worker: { format: 'es' } });
    server = await preview({ ...shared, build: { outDir: folder }, preview: { port: 0, host: '127.0.0.1', headers: ISOLATED } });
    browser = await chromium.launch({ executablePath: await findBrowser(), args: [...BROWSER_ARGS, '--enable-unsafe-webgpu'] });
    page = await browser.newPage();
    await page.goto(server.resolvedUrls?.local[0] ?? '');
    await page.waitForFunction(() => 'engines' in globalThis);
  });
  afterAll(async () => {
    await browser.close();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test.each<EngineUnderTest>(['webgpu', 'webgpu at default limits', 'cpu'])(
    '%s agrees with the reference engine on every case',
    async (name) => {
      console.log(`${name}: ${await page.evaluate((engine) => engines.describe(engine), name)}`);
      const cases = await page.evaluate((engine) => engines.conformance(engine), name);
      expect(cases.length).toBeGreaterThan(40);
      for (const each of cases) {
        expect(each.tensors, each.name).toBeGreaterThan(0);
        // As in Node: float32 sums of up to 259 products, a few units in the last place of the largest entry.
        expect(each.error, each.name).toBeLessThan(5e-6);
      }
    },
  );

  test.each<EngineUnderTest>(['webgpu', 'webgpu at default limits', 'cpu'])('%s meets the 20 golden training steps', async (name) => {
    const files = Object.fromEntries(FILES.map((path) => [path, readFileSync(new URL(path, GOLDEN)).toString('base64')]));
    expectGoldenTraining(await page.evaluate(([engine, golden]) => engines.training(engine, golden), [name, files] as const));
  });

  test('a device that is destroyed under a program says so by a typed error, and another takes over', async () => {
    expect(await page.evaluate(() => engines.loss())).toEqual({ first: 'device-lost', second: 'device-lost', anew: true });
  });
});
