import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { dropFiles, openStage, setField, waitForStatus } from './browser.ts';

const CHECKPOINT = fileURLToPath(new URL('../golden/checkpoints/safetensors/', import.meta.url));
const PROSE = fileURLToPath(new URL('../../public/demo/prose/a1.txt', import.meta.url));

test('kept runs are compared head by head, laid over each other, repeated, renamed, deleted and brought back', async () => {
  const stage = await openStage();
  try {
    const { page, faults } = await stage.open();
    await dropFiles(page, [...readdirSync(CHECKPOINT).map((name) => `${CHECKPOINT}${name}`), PROSE]);
    await page.getByTestId('text-report').waitFor();
    for (const [name, value] of Object.entries({ steps: 40, batch: 4, sequence: 32, evaluateEvery: 10 })) await setField(page, name, value);
    await page.getByTestId('start').click();
    await waitForStatus(page, 'done');
    await setField(page, 'steps', 60);
    await page.getByTestId('start').click();
    await page.locator('[data-testid=run-status][data-status=done]').filter({ hasText: 'Done' }).waitFor();
    await page.getByTestId('against').waitFor();

    // Two students on one sentence; the choice changes what is shown, without asking again.
    const maps = page.getByTestId('attention').locator('.map-name');
    await page.getByTestId('compare').click();
    await maps.filter({ hasText: 'teacher' }).waitFor();
    await page.getByTestId('against').selectOption('Run 1');
    await maps.filter({ hasText: 'Run 1' }).waitFor();
    await expect.poll(() => maps.allTextContents()).toEqual(['Run 1', 'Run 2', 'difference']);
    await page.getByTestId('against').selectOption({ index: 0 });
    await maps.filter({ hasText: 'student' }).waitFor();
    await expect.poll(() => page.getByTestId('overlay').inputValue()).toBe('Run 1');

    // Typed at once: the field has the focus. The curve beside goes by the new name.
    const lines = page.getByTestId('run-line');
    const choose = async (name: string, item: string): Promise<void> => {
      if ((await lines.count()) === 0) await page.getByTestId('runs').click();
      await lines.getByLabel(`More for ${name}`).click();
      await page.getByRole('menuitem', { name: item }).click();
    };
    await choose('Run 1', 'Rename');
    await page.locator('input[aria-label="New name of Run 1"]:focus').waitFor();
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.type('Baseline');
    await page.keyboard.press('Enter');
    await lines.filter({ hasText: 'Baseline' }).waitFor();
    await expect.poll(() => page.getByTestId('overlay').locator('option').allTextContents()).toEqual(['nothing', 'Baseline']);

    await choose('Baseline', 'Take its recipe');
    await expect.poll(() => page.getByTestId('field-steps').inputValue()).toBe('40');
    await expect.poll(() => lines.count()).toBe(0);

    await choose('Baseline', 'Delete');
    await page.getByTestId('undo-delete').waitFor();
    await expect.poll(() => lines.count()).toBe(1);
    await page.getByTestId('undo-delete').click();
    await expect.poll(() => lines.count()).toBe(2);

    await lines.filter({ hasText: 'Baseline' }).getByRole('button', { name: 'Open' }).click();
    await page.locator('#run-title').filter({ hasText: 'Baseline' }).waitFor();
    await expect.poll(() => lines.count()).toBe(0);
    expect(faults).toEqual([]);
  } finally {
    await stage.close();
  }
});
