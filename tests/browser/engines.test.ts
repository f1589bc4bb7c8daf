import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TOLERANCE, type CaseResult } from '../../src/engines/conformance/conformance.ts';
import { expectGoldenTraining } from '../wid/expectGoldenTraining.ts';
import type { EngineUnderTest } from './engines/engines.worker.ts';
import { FIREFOX, openFirefox, poll, type Firefox } from './firefox.ts';
import { serveSmallPage, showSmallPage, type SmallPage } from './smallPage.ts';

const GOLDEN = new URL('../golden/', import.meta.url);
const FILES = [
  'checkpoints/safetensors/config.json',
  'checkpoints/safetensors/model.safetensors',
  'wid-compactors.safetensors',
  'batch.safetensors',
  'wid-training.safetensors',
];

const golden = (): Record<string, string> =>
  Object.fromEntries(FILES.map((path) => [path, readFileSync(new URL(path, GOLDEN)).toString('base64')]));

let served: Awaited<ReturnType<typeof serveSmallPage>>;
beforeAll(async () => {
  served = await serveSmallPage('engines');
});
afterAll(() => served.close());

function expectConformance(browser: string, engine: string, begun: number, cases: readonly CaseResult[]): void {
  console.log(`${browser}, ${engine}: ${cases.length} cases in ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  expect(cases.length).toBeGreaterThan(40);
  for (const each of cases) {
    expect(each.fault, each.name).toBeUndefined();
    expect(each.error, each.name).toBeLessThan(TOLERANCE);
  }
}

// The engines as a browser compiles and runs them, WebGPU on Chromium's software adapter: real WGSL, nothing mocked.
describe('engines in Chromium', () => {
  let small: SmallPage;
  let page: Page;
  beforeAll(async () => {
    small = await showSmallPage(served.url, 'engines', ['--enable-unsafe-webgpu']);
    ({ page } = small);
  });
  afterAll(() => small.close());

  test.each<EngineUnderTest>(['webgpu', 'webgpu at default limits', 'cpu'])(
    '%s agrees with the reference engine on every case',
    async (name) => {
      console.log(`${name}: ${await page.evaluate((engine) => engines.describe(engine), name)}`);
      const begun = performance.now();
      const cases = await page.evaluate((engine) => engines.conformance(engine), name);
      expectConformance('Chromium', name, begun, cases);
    },
  );

  test.each<EngineUnderTest>(['webgpu', 'webgpu at default limits', 'cpu'])('%s meets the 20 golden training steps', async (name) => {
    expectGoldenTraining(await page.evaluate(([engine, files]) => engines.training(engine, files), [name, golden()] as const));
  });

  test('a device that is destroyed under a program says so by a typed error, and another takes over', async () => {
    expect(await page.evaluate(() => engines.loss())).toEqual({ first: 'device-lost', second: 'device-lost', anew: true });
  });
});

// Firefox's WebGPU is another implementation than Chromium's: naga and wgpu. It tells of finished work every 100 ms.
describe.skipIf(FIREFOX === undefined)('engines in Firefox', () => {
  let firefox: Firefox;
  /** Why there is no WebGPU, if there is none. */
  let missing: string | undefined;
  beforeAll(async () => {
    firefox = await openFirefox();
    const { tab } = firefox;
    await tab.goto(served.url);
    await poll('the page to be ready', async () => ((await tab.evaluate(() => 'engines' in globalThis)) ? true : undefined));
    missing = (await tab.evaluate(async () => ((await navigator.gpu?.requestAdapter()) ? undefined : 'it offers no adapter'))) ?? undefined;
    if (missing !== undefined) console.warn(`SKIPPED: WebGPU in Firefox was not tested, since ${missing}.`);
  });
  afterAll(() => firefox.close());

  test.for<EngineUnderTest>(['webgpu', 'cpu'])('%s agrees with the reference engine on every case', async (name, { skip }) => {
    if (missing !== undefined && name === 'webgpu') return skip(missing);
    const begun = performance.now();
    // JSON has no infinity.
    const cases = await firefox.tab.evaluate(
      async (engine) =>
        (await engines.conformance(engine)).map(({ name, tensors, error, fault }) => ({ name, tensors, error: String(error), fault })),
      name,
    );
    expectConformance(
      `Firefox ${firefox.version}`,
      name,
      begun,
      cases.map(({ name, tensors, error, fault }) => ({ name, tensors, error: Number(error), fault })),
    );
  });

  test.for<EngineUnderTest>(['webgpu', 'cpu'])('%s meets the 20 golden training steps', async (name, { skip }) => {
    if (missing !== undefined && name === 'webgpu') return skip(missing);
    expectGoldenTraining(await firefox.tab.evaluate((engine, files) => engines.training(engine, files), name, golden()));
    expect(firefox.tab.faults).toEqual([]);
  });
});
