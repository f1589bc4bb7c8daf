import { readFileSync } from 'node:fs';
import { unzipSync } from 'fflate';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openStage, type Stage } from './browser.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(async () => {
  await stage.close();
});

const numberIn = async (page: Page, testId: string): Promise<number> => Number(await page.getByTestId(testId).textContent());

async function waitForStatus(page: Page, status: string): Promise<void> {
  await page.locator(`[data-testid=run-status][data-status=${status}]`).waitFor({ timeout: 200_000 });
}

async function setField(page: Page, name: string, value: number): Promise<void> {
  await page.getByTestId(`field-${name}`).fill(String(value));
  await page.getByTestId(`field-${name}`).press('Enter');
}

test('one button trains the demo, the student improves, and the verified zip downloads', async () => {
  const { page, faults } = await stage.open('#batch=4&evaluateEvery=15&calibration=one-pass');
  const requests: string[] = [];
  page.on('request', (request) => requests.push(request.url()));

  await page.getByTestId('try-demo').click();
  await page.getByTestId('loss-value').waitFor({ timeout: 120_000 });
  expect(await numberIn(page, 'loss-value')).toBeGreaterThan(0);
  expect(await page.getByTestId('engine').textContent()).toContain('thread');

  await page.getByTestId('stop').click();
  await waitForStatus(page, 'done');

  await setField(page, 'steps', 30);
  await setField(page, 'batch', 8);
  await page.waitForURL(/steps=30.*batch=8/);
  await page.getByTestId('start').click();
  await waitForStatus(page, 'running');
  await page.getByTestId('pause').click();
  await waitForStatus(page, 'paused');
  // The step that was under way when the verb arrived may still report.
  await page.waitForTimeout(1500);
  const held = await page.getByTestId('loss-value').textContent();
  await page.waitForTimeout(2000);
  expect(await page.getByTestId('loss-value').textContent()).toBe(held);
  await page.getByTestId('resume').click();
  await waitForStatus(page, 'done');

  const [untrained, trained, teacher] = [
    await numberIn(page, 'loss-untrained'),
    await numberIn(page, 'loss-trained'),
    await numberIn(page, 'loss-teacher'),
  ];
  expect(trained).toBeLessThan(untrained);
  expect(teacher).toBeLessThan(trained);
  expect(await page.getByTestId('charts').locator('.recharts-line-curve').count()).toBeGreaterThanOrEqual(2);

  await page.getByTestId('sentence').fill('The man sat down by the [MASK] and slept.');
  await page.getByTestId('compare').click();
  await page.getByTestId('fill-mask').waitFor({ timeout: 60_000 });
  expect(await page.getByTestId('fill-mask').locator('li').count()).toBe(10);
  await page.getByTestId('attention').locator('.maps').press('ArrowDown');
  expect(await page.getByTestId('attention').locator('.readout').textContent()).toMatch(/^the to \[CLS\]: teacher 0\.\d\d/);

  await page.getByTestId('export').click();
  await page.getByTestId('download').waitFor({ timeout: 120_000 });
  expect(await page.getByTestId('largest-difference').textContent()).toMatch(/e-\d/);
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByTestId('download').click()]);
  const files = unzipSync(readFileSync(await download.path()));
  const names = Object.keys(files).map((path) => path.slice(path.indexOf('/') + 1));
  for (const name of ['model.safetensors', 'config.json', 'tokenizer.json', 'onnx/model.onnx']) expect(names).toContain(name);

  expect(requests.filter((url) => !url.startsWith(stage.url) && !url.startsWith('blob:') && !url.startsWith('data:'))).toEqual([]);
  expect(faults).toEqual([]);
});
