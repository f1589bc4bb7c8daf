import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { expect, test } from 'vitest';
import { build, preview } from 'vite';
import { BROWSER_ARGS, findBrowser } from '../../scripts/browser.mjs';
import { Random } from '../../src/tensor/random.ts';

const KILLS = 50;
const PAGE = fileURLToPath(new URL('runs/', import.meta.url));
const ISOLATED = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

const base64 = (path: string): string => readFileSync(new URL(path, import.meta.url)).toString('base64');

// The session in a real worker over the browser's real file system, keeping every step: something is nearly always being written.
test(`its worker ended ${KILLS} times at random moments, a run loses only the steps since its last checkpoint, and never a file`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'wid-studio-killed-'));
  const shared = { root: PAGE, configFile: false, logLevel: 'error' } as const;
  await build({ ...shared, build: { outDir: folder, target: 'esnext', emptyOutDir: true }, worker: { format: 'es' } });
  const server = await preview({ ...shared, build: { outDir: folder }, preview: { port: 0, host: '127.0.0.1', headers: ISOLATED } });
  const browser = await chromium.launch({ executablePath: await findBrowser(), args: [...BROWSER_ARGS] });
  try {
    const page = await browser.newPage();
    page.on('console', (message) => message.type() === 'error' && console.log(message.text()));
    await page.goto(server.resolvedUrls?.local[0] ?? '');
    await page.waitForFunction(() => 'runs' in globalThis);
    const teacher = Object.fromEntries(
      ['config.json', 'model.safetensors', 'vocab.txt'].map((path) => [path, base64(`../golden/checkpoints/safetensors/${path}`)]),
    );
    await page.evaluate(([files, text]) => runs.give(files, text), [
      teacher,
      { 'a1.txt': base64('../../public/demo/prose/a1.txt') },
    ] as const);
    const random = new Random(20261124);
    let [kept, aside, beyond] = [0, 0, 0];
    for (let kill = 0; kill < KILLS; kill++) {
      const after = await page.evaluate(([from, wait]) => runs.kill(from, wait), [kept, random.integer(150)] as const);
      expect(after.damaged).toEqual([]);
      expect(after.said).toBeGreaterThan(kept);
      expect(after.found).toBeGreaterThanOrEqual(after.said);
      aside += after.aside.length > 0 ? 1 : 0;
      beyond += after.found > after.said ? 1 : 0;
      kept = after.found;
    }
    expect(aside).toBeGreaterThan(0);
    expect(await page.evaluate(() => runs.tidied())).toEqual({ leftovers: [], runs: 1 });
    console.log(`${KILLS} ends, ${aside} with a write left aside, ${beyond} with a newer checkpoint than was said, ${kept} steps kept`);
  } finally {
    await browser.close();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
