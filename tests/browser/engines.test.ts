import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TOLERANCE } from '../../src/engines/conformance/conformance.ts';
import { expectGoldenTraining } from '../wid/expectGoldenTraining.ts';
import type { EngineUnderTest } from './engines/engines.worker.ts';
import { openSmallPage, type SmallPage } from './smallPage.ts';

const GOLDEN = new URL('../golden/', import.meta.url);
const FILES = [
  'checkpoints/safetensors/config.json',
  'checkpoints/safetensors/model.safetensors',
  'wid-compactors.safetensors',
  'batch.safetensors',
  'wid-training.safetensors',
];

// The engines as a browser compiles and runs them, WebGPU on Chromium's software adapter: real WGSL, nothing mocked.
describe('engines in Chromium', () => {
  let small: SmallPage;
  let page: Page;
  beforeAll(async () => {
    small = await openSmallPage('engines', 'engines', ['--enable-unsafe-webgpu']);
    ({ page } = small);
  });
  afterAll(() => small.close());

  test.each<EngineUnderTest>(['webgpu', 'webgpu at default limits', 'cpu'])(
    '%s agrees with the reference engine on every case',
    async (name) => {
      console.log(`${name}: ${await page.evaluate((engine) => engines.describe(engine), name)}`);
      const cases = await page.evaluate((engine) => engines.conformance(engine), name);
      expect(cases.length).toBeGreaterThan(40);
      for (const each of cases) {
        expect(each.fault, each.name).toBeUndefined();
        expect(each.error, each.name).toBeLessThan(TOLERANCE);
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
