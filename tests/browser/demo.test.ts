import { afterAll, beforeAll, expect, test } from 'vitest';
import { numberIn, openStage, waitForStatus, type Stage } from './browser.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(async () => {
  await stage.close();
});

test('one button trains the demo with its defaults: progress, a held-out point and a loss come soon, and nothing leaves', async () => {
  const { page, faults } = await stage.open();
  const requests: string[] = [];
  page.on('request', (request) => requests.push(request.url()));
  await page.getByTestId('engine').waitFor();

  // The studio's aim on two free cores is 3 and 15 seconds: told, not held, since tests run on busy machines.
  const pressed = performance.now();
  const since = (): number => (performance.now() - pressed) / 1000;
  await page.getByTestId('try-demo').click();
  await page
    .getByTestId('stage')
    .filter({ hasText: /, \d+ of \d+/ })
    .waitFor();
  const progress = since();
  await page.getByRole('figure', { name: 'Held-out loss' }).locator('.end.main').waitFor();
  const judged = since();
  await page.waitForFunction(() => Number(document.querySelector('[data-testid=step-value]')?.textContent) >= 5);
  console.log(
    `demo: progress after ${progress.toFixed(1)} s, held-out point after ${judged.toFixed(1)} s, step 5 after ${since().toFixed(1)} s`,
  );
  expect(await page.getByTestId('step-time').textContent()).toMatch(/^about [\d.]+ (ms|s)$/);

  await page.getByTestId('stop').click();
  await waitForStatus(page, 'done');
  expect(await numberIn(page, 'loss-trained')).toBeLessThan(await numberIn(page, 'loss-untrained'));
  expect(await numberIn(page, 'loss-teacher')).toBeLessThan(await numberIn(page, 'loss-trained'));
  // As wide as the narrowest phones, and as a window of 1280 is at 400 %: a wider panel makes the whole page slide sideways.
  await page.setViewportSize({ width: 320, height: 800 });
  await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth)).toBe(320);
  expect(requests.filter((url) => !url.startsWith(stage.url) && !url.startsWith('blob:') && !url.startsWith('data:'))).toEqual([]);
  expect(faults).toEqual([]);
});
