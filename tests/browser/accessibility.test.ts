import axe from 'axe-core';
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

/** Rules that the page breaks, with the elements that break them. */
async function violations(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  const found: unknown = await page.evaluate(
    `axe.run().then((result) => result.violations.map((rule) => rule.id + ': ' + rule.nodes.map((node) => node.target + ' ' + node.failureSummary).join(' | ')))`,
  );
  if (!Array.isArray(found)) throw new Error('axe: expected a list of violations.');
  return found.map(String);
}

test('axe finds no violation when empty, running and stopped, light and dark; the page answers while training', async () => {
  const { page, faults } = await stage.open('#batch=4&evaluateEvery=5&calibration=one-pass');
  await page.getByTestId('engine').waitFor();
  expect(await violations(page)).toEqual([]);

  await page.getByTestId('try-demo').focus();
  await page.keyboard.press('Enter');
  await page.getByTestId('loss-value').waitFor({ timeout: 120_000 });
  expect(await violations(page)).toEqual([]);

  // What a click takes until the page has drawn its effect, while all threads train.
  const times: number[] = [];
  for (let i = 0; i < 20; i++)
    times.push(
      await page.evaluate(async () => {
        const begun = performance.now();
        document.querySelector<HTMLElement>('button[aria-label="Dark theme"]')?.click();
        await new Promise((resolve) => {
          requestAnimationFrame(resolve);
        });
        return performance.now() - begun;
      }),
    );
  expect(times.toSorted((a, b) => a - b)[18]).toBeLessThan(200);

  await page.getByRole('button', { name: 'Dark theme' }).click();
  expect(await page.locator('html').getAttribute('data-theme')).toBe('dark');
  await page.getByTestId('stop').click();
  await page.locator('[data-testid=run-status][data-status=done]').waitFor({ timeout: 120_000 });
  await page.getByTestId('compare').click();
  await page.getByTestId('fill-mask').waitFor({ timeout: 60_000 });
  expect(await violations(page)).toEqual([]);
  expect(faults).toEqual([]);
});

test('files that are neither a teacher nor text are refused with the cure, and can be dismissed', async () => {
  const { page } = await stage.open();
  await page.getByTestId('teacher-input').setInputFiles({ name: 'picture.png', mimeType: 'image/png', buffer: Buffer.from('no') });
  expect(await page.getByTestId('fault').textContent()).toContain('Drop the model folder or text files.');
  expect(await violations(page)).toEqual([]);
  await page.getByRole('button', { name: 'Dismiss' }).click();
  expect(await page.getByTestId('fault').count()).toBe(0);
});
