// The page that tests a GPU, as its users see it: with a GPU (the software one), without, and in Firefox.
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CASES } from '../../src/engines/conformance/outputsOf.ts';
import { openStage, textIn, type Stage } from './browser.ts';
import { FIREFOX, openFirefox } from './firefox.ts';

/** Of a software GPU on a busy machine. */
const WHOLE_TEST = 300_000;
let stage: Stage;

beforeAll(async () => {
  stage = await openStage(['--enable-unsafe-webgpu']);
});

afterAll(() => stage.close());

async function violations(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  const found: unknown = await page.evaluate(
    `axe.run().then((result) => result.violations.map((rule) => rule.id + ' ' + rule.nodes[0].target))`,
  );
  return Array.isArray(found) ? found.map(String) : ['axe gave no list'];
}

test('the studio links to it; by keyboard it tests the GPU, stops, starts again, shows what it does, and gives a text to copy', async () => {
  const { page: studio } = await stage.open('?engine=cpu');
  await studio.getByTestId('engine').click();
  const [page] = await Promise.all([studio.context().waitForEvent('page'), studio.getByTestId('test-gpu').click()]);
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  await studio.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.getByTestId('gpu-test').waitFor();
  expect(new URL(page.url()).search).toBe('?test=gpu');
  expect(await violations(page)).toEqual([]);

  await page.getByTestId('gpu-test').focus();
  await page.keyboard.press('Enter');
  await page
    .getByTestId('gpu-progress')
    .filter({ hasText: /Checking operations, \d+ of \d+/ })
    .waitFor();
  expect(await page.getByTestId('gpu-test').textContent()).toBe('Stop');
  expect(await violations(page)).toEqual([]);
  await page.keyboard.press('Enter');
  await page
    .getByTestId('gpu-verdict')
    .filter({ hasText: /^Stopped\. \d+ of \d+ operations were checked, and all of them are right\.$/ })
    .waitFor();
  await page.keyboard.press('Enter');
  await page.getByTestId('gpu-verdict').waitFor({ state: 'detached' });
  await page.getByTestId('gpu-verdict').waitFor({ timeout: WHOLE_TEST });

  expect(await textIn(page, 'gpu-verdict')).toMatch(
    new RegExp(
      `^All ${CASES.length} operations are right\\. The adapter is a software one.*: [\\d.,]+ GFLOP/s at matrix products, the CPU engine [\\d.,]+\\.$`,
    ),
  );
  expect(await page.getByTestId('gpu-wrong').count()).toBe(0);
  expect(await page.getByTestId('gpu-speeds').textContent()).toMatch(/GFLOP\/s.*GB\/s/);
  await page.getByTestId('gpu-copy').press('Enter');
  await page.getByText('Copied.').waitFor();
  const text = await page.evaluate(() => navigator.clipboard.readText());
  expect(text).toContain(`- Operations: ${CASES.length} of ${CASES.length} checked, 0 wrong`);
  expect(text).toMatch(/\(chosen\): [\d.]+/);
  expect(text).toContain('maxStorageBufferBindingSize');
  console.log(text.split('<details>')[0]);

  expect(await violations(page)).toEqual([]);
  await page.getByRole('button', { name: 'Dark theme' }).click();
  expect(await violations(page)).toEqual([]);
  await page.setViewportSize({ width: 320, height: 800 });
  await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth)).toBe(320);
  expect(faults).toEqual([]);
});

test('without a GPU it says so, and the studio does not load it', async () => {
  const bare = await openStage(['--disable-gpu', '--disable-features=WebGPU']);
  try {
    const { page } = await bare.open('?test=gpu');
    await page.getByTestId('gpu-test').click();
    await page.getByTestId('gpu-verdict').filter({ hasText: 'There is no GPU to test. webgpu: ' }).waitFor();
    expect(await page.getByTestId('gpu-speeds').textContent()).toMatch(/CPU engine[\d.,]+ GFLOP\/s/);

    const { page: studio } = await bare.open();
    await studio.getByTestId('engine').waitFor();
    const loaded = await studio.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name));
    expect(loaded.filter((name) => /GpuTest|gpuTest/.test(name))).toEqual([]);
    expect(loaded.some((name) => name.endsWith('.js'))).toBe(true);
  } finally {
    await bare.close();
  }
});

test.skipIf(FIREFOX === undefined)('in Firefox', async () => {
  const firefox = await openFirefox();
  const { tab, version } = firefox;
  try {
    await tab.goto(`${stage.url}?test=gpu`);
    await tab.click('[data-testid=gpu-test]');
    const said = await tab.shown('gpu-verdict', (text) => text !== '');
    console.log(`Firefox ${version}: ${said}`);
    if (said.startsWith('There is no GPU')) console.warn(`SKIPPED: the GPU was not tested in Firefox: ${said}`);
    else expect(said).toContain(`All ${CASES.length} operations are right.`);
    expect(tab.faults).toEqual([]);
  } finally {
    await firefox.close();
  }
});
