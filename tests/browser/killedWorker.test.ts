import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Random } from '../../src/tensor/random.ts';
import { openStage, type Stage } from './browser.ts';

const KILLS = 3;
let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(async () => {
  await stage.close();
});

/** What is in the folder of runs: files that a write left aside or empty, the step of the newest checkpoint, and files whose digest is not that of their bytes. */
async function filesOf(
  page: Page,
): Promise<{ readonly sealed: number; readonly aside: number; readonly newest: number; readonly unreadable: readonly string[] }> {
  return page.evaluate(async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('runs');
    const unreadable: string[] = [];
    const found = { sealed: 0, aside: 0, newest: 0 };
    for await (const name of folder.keys()) {
      if (name.endsWith('.crswap')) {
        found.aside += 1;
        continue;
      }
      const bytes = new Uint8Array(await (await (await folder.getFileHandle(name)).getFile()).arrayBuffer());
      // Seven letters, a digit, SHA-256 over the SHA-256 of the rest, which is one stretch here (docs/runs.md).
      if (bytes.length === 0) {
        found.aside += 1;
        continue;
      }
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await crypto.subtle.digest('SHA-256', bytes.subarray(40))));
      found.sealed += 1;
      found.newest = Math.max(found.newest, Number(/\.(\d{9})\.ckpt$/.exec(name)?.[1] ?? 0));
      if (bytes.length <= 40 || digest.some((byte, i) => byte !== bytes[8 + i])) unreadable.push(name);
    }
    return { ...found, unreadable };
  });
}

test(`its worker ended ${KILLS} times at random moments while it writes, a run goes on from its newest checkpoint`, async () => {
  const context = await stage.context();
  // The session's worker, asked every 20 ms to keep the state, so that something is nearly always being written.
  await context.addInitScript(() => {
    const Plain = Worker;
    globalThis.Worker = class extends Plain {
      constructor(address: string | URL, options?: WorkerOptions) {
        super(address, options);
        if (!String(address).includes('studio.worker')) return;
        const asking = setInterval(() => this.postMessage({ id: 'keep', type: 'APPLY', path: ['keep'], argumentList: [] }), 20);
        addEventListener('end-worker', () => {
          clearInterval(asking);
          this.terminate();
        });
      }
    };
  });
  const page = await context.newPage();
  await page.goto(new URL('#batch=2&steps=100000&evaluateEvery=100000&calibration=one-pass', stage.url).href);
  const random = new Random(20261124);
  let [kept, aside, gained] = [0, 0, 0];
  for (let kill = 0; kill < KILLS; kill++) {
    if (kill === 0) await page.getByTestId('try-demo').click();
    else await page.getByTestId('resume-run').click();
    await page.waitForFunction(
      (step) => Number(/kept at step (\d+)/.exec(document.querySelector('[data-testid=stage]')?.textContent ?? '')?.[1] ?? 0) > step,
      kept,
      { timeout: 300_000, polling: 20 },
    );
    await page.waitForTimeout(random.integer(600));
    await page.evaluate(() => dispatchEvent(new Event('end-worker')));
    // What the worker had said before its end still arrives.
    await page.waitForTimeout(200);
    const said = Number(/kept at step (\d+)/.exec((await page.getByTestId('stage').textContent()) ?? '')?.[1]);
    await page.reload();
    const offer = page.getByTestId('unfinished-run');
    await offer.waitFor();
    expect(await offer.count()).toBe(1);
    const files = await filesOf(page);
    expect(files.unreadable).toEqual([]);
    expect(files.sealed).toBeGreaterThanOrEqual(2);
    aside += files.aside;
    const offered = Number(/step (?<step>\d+) of/.exec((await offer.textContent()) ?? '')?.groups?.['step']);
    expect(offered).toBe(files.newest);
    expect(said).toBeGreaterThan(kept);
    expect(offered).toBeGreaterThanOrEqual(said);
    gained += offered - said;
    kept = offered;
  }
  console.log(`${KILLS} ends, ${aside} with a write left aside, ${gained} with a newer checkpoint than was said, ${kept} steps kept`);
  await context.close();
});
