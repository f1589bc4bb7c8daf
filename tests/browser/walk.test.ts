// What a user does who is in a hurry, works by keyboard, or drops the wrong thing.
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dropFiles, dropGolden, openStage, waitForStatus, type Stage } from './browser.ts';

const GOLDEN = fileURLToPath(new URL('../golden/checkpoints/safetensors/', import.meta.url));
const PROSE = fileURLToPath(new URL('../../public/demo/prose/a1.txt', import.meta.url));
const SCREEN = fileURLToPath(new URL('../../docs/screens/done.png', import.meta.url));
const golden = readdirSync(GOLDEN).map((name) => `${GOLDEN}${name}`);
const SMALL = { batch: 4, sequence: 32, steps: 4, evaluateEvery: 4 };

let stage: Stage;
let folder = '';

beforeAll(async () => {
  stage = await openStage();
  folder = mkdtempSync(join(tmpdir(), 'wid-walk-'));
});
afterAll(async () => {
  await stage.close();
  rmSync(folder, { recursive: true, force: true });
});

const focused = (page: Page): Promise<string> =>
  page.evaluate(
    () => document.activeElement?.id || (document.activeElement?.getAttribute('data-testid') ?? document.activeElement?.tagName ?? ''),
  );

test('by keyboard: the skip link leaves the recipe in the address, and the focus stays with the run from Start to its end', async () => {
  const { page, faults } = await stage.open();
  await page.getByTestId('engine').waitFor();
  await dropGolden(page, { ...SMALL, steps: 20_000, evaluateEvery: 20_000 });
  await page.waitForURL(/steps=20000/);
  await page.locator('a.skip').focus();
  await page.keyboard.press('Enter');
  expect(page.url()).toMatch(/steps=20000/);
  expect(await focused(page)).toBe('main');

  await page.getByTestId('start').focus();
  // Twice, as impatient people do.
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  await expect.poll(() => focused(page)).toBe('run-title');
  await waitForStatus(page, 'running');
  await page.keyboard.press('Tab');
  expect(await focused(page)).toBe('pause');
  await page.keyboard.press('Space');
  await waitForStatus(page, 'paused');
  expect(await focused(page)).toBe('resume');
  await page.keyboard.press('Space');
  await waitForStatus(page, 'running');
  await page.getByTestId('stop').focus();
  await page.keyboard.press('Space');
  await waitForStatus(page, 'done');
  expect(await focused(page)).toBe('run-title');
  await page.getByTestId('runs').click();
  expect(await page.getByTestId('run-line').count()).toBe(1);
  expect(faults).toEqual([]);
  await page.close();
});

test('a shared recipe opened where the studio is open is taken over, and nonsense is not', async () => {
  const { page } = await stage.open();
  await page.getByTestId('engine').waitFor();
  await dropGolden(page, SMALL);
  await page.waitForURL(/steps=4&/);
  const address = page.url();
  await page.evaluate(
    (shared) => {
      location.href = shared;
    },
    address.replace('steps=4&', 'steps=77&'),
  );
  await expect.poll(() => page.getByTestId('field-steps').inputValue()).toBe('77');
  await page.goBack();
  await expect.poll(() => page.getByTestId('field-steps').inputValue()).toBe('4');
  for (const nonsense of ['#steps=-5&batch=NaN&mode=__proto__&heads=1e99&layers=0', '#%E0%A4%A=%', '#steps']) {
    await page.evaluate((hash) => {
      location.hash = hash;
    }, nonsense);
    await page.waitForTimeout(200);
    expect(Number(await page.getByTestId('field-steps').inputValue())).toBeGreaterThanOrEqual(0);
    expect(await page.getByTestId('field-batch').inputValue()).toBe('4');
    expect(await page.getByTestId('mode').inputValue()).toBe('calibrated');
  }
  expect(await page.getByTestId('fault').count()).toBe(0);
  await page.close();
});

test('garbage is refused with the cure and leaves the teacher alone; words dragged into a field are the browser’s', async () => {
  const { page } = await stage.open();
  await page.getByTestId('engine').waitFor();
  await dropGolden(page, SMALL);
  const teacher = await page.locator('.recipe .card strong').first().textContent();
  writeFileSync(join(folder, 'model.safetensors'), '');
  mkdirSync(join(folder, 'empty'));
  mkdirSync(join(folder, 'png'));
  copyFileSync(SCREEN, join(folder, 'png', 'model.safetensors'));
  for (const garbage of ['model.safetensors', 'empty', 'png/model.safetensors']) {
    await dropFiles(page, [join(folder, garbage)]);
    const fault = page.getByTestId('fault');
    await fault.waitFor();
    const said = await fault.textContent();
    // Parts of the message: what was expected, what came, and a cure.
    expect(said, garbage).toMatch(/Expected.+Got.+Cure.+/s);
    await fault.getByLabel('Dismiss').click();
    expect(await page.locator('.recipe .card strong').first().textContent()).toBe(teacher);
  }
  await page.locator('body').evaluate(
    (body, words) => {
      const data = new DataTransfer();
      data.items.add(new File([words], 'from-a-page.txt'));
      body.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: data }));
    },
    readFileSync(PROSE, 'utf8'),
  );
  await page.getByTestId('text-report').filter({ hasText: 'from-a-page' }).waitFor();
  const prevented = await page.getByTestId('sentence').evaluate((field) => {
    const data = new DataTransfer();
    data.setData('text/plain', 'words');
    return !field.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: data }));
  });
  expect(prevented).toBe(false);
  await page.waitForTimeout(200);
  expect(await page.getByTestId('fault').count()).toBe(0);
  await page.close();
});

test('a text that is dropped while its teacher is read waits for it', async () => {
  const { page } = await stage.open();
  await page.getByTestId('engine').waitFor();
  await dropFiles(page, golden);
  await dropFiles(page, [PROSE]);
  await page.getByTestId('text-report').waitFor();
  expect(await page.getByTestId('fault').count()).toBe(0);
  await page.close();
});

test('leaving asks while a run has no checkpoint; nothing starts during an export; an unfinished run that was deleted comes back', async () => {
  const context = await stage.browser.newContext();
  const page = await context.newPage();
  await page.goto(stage.url);
  await page.getByTestId('engine').waitFor();
  await dropGolden(page, { ...SMALL, steps: 100_000, evaluateEvery: 100_000 });
  await page.getByTestId('export-teacher').click();
  expect(await page.getByTestId('start').isDisabled()).toBe(true);
  await page.getByTestId('download').waitFor();
  await page.getByTestId('start').click();
  const asked = page.waitForEvent('dialog', { timeout: 10_000 });
  const closing = page.close({ runBeforeUnload: true });
  const dialog = await asked;
  expect(dialog.type()).toBe('beforeunload');
  await dialog.dismiss();
  await closing;
  await page.waitForFunction(() => document.querySelector('[data-testid=stage]')?.textContent?.includes('kept at step') === true);
  await page.getByTestId('pause').click();
  await waitForStatus(page, 'paused');
  // A run that is kept is left without a question.
  await Promise.all([page.waitForEvent('close'), page.close({ runBeforeUnload: true })]);

  const second = await context.newPage();
  await second.goto(stage.url);
  await second.getByTestId('unfinished-run').waitFor();
  await second.getByRole('button', { name: 'Delete the run' }).click();
  await second.getByTestId('unfinished-run').waitFor({ state: 'detached' });
  await second.getByTestId('undo-delete').click();
  await second.getByTestId('unfinished-run').waitFor();
  expect(await second.getByTestId('undo-delete').count()).toBe(0);
  await context.close();
});
