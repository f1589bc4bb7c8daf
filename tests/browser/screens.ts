// `npm run screens`: retakes the pictures of docs/screens from the built page; minutes, for two runs are trained.
import { fileURLToPath } from 'node:url';
import { openStage, setField, waitForStatus } from './browser.ts';

const PLACE = fileURLToPath(new URL('../../docs/screens/', import.meta.url));
const SIX_MINUTES = 360_000;

const stage = await openStage();
try {
  const { page } = await stage.open('#mode=prune&start=selection&steps=60&evaluateEvery=10');
  await page.setViewportSize({ width: 1440, height: 900 });
  const picture = async (name: string): Promise<void> => {
    await page.screenshot({ path: `${PLACE}${name}.png` });
  };
  await page.getByTestId('engine').waitFor();
  await page.getByTestId('try-demo').click();
  await waitForStatus(page, 'running');
  await page.locator('[data-testid=run-status][data-status=done]').waitFor({ timeout: SIX_MINUTES });
  await page.getByTestId('mode').selectOption('calibrated');
  await setField(page, 'steps', 60);
  await page.getByTestId('start').click();
  await waitForStatus(page, 'running');
  await page.waitForFunction(() => Number(document.querySelector('[data-testid=step-value]')?.textContent) >= 35, undefined, {
    timeout: SIX_MINUTES,
  });
  await picture('running');
  await page.locator('[data-testid=run-status][data-status=done]').waitFor({ timeout: SIX_MINUTES });
  await page.getByTestId('compare').click();
  await page.getByTestId('attention').waitFor();
  await page.waitForTimeout(1000);
  await page.getByLabel(/^Layer 3, head 2:/).check({ force: true });
  await page.getByText('Layer 3, head 2', { exact: true }).first().waitFor();
  await page.waitForTimeout(1000);
  await picture('done');
  await page.getByLabel('Enlarge').click();
  await page.waitForTimeout(500);
  await picture('attention');
} finally {
  await stage.close();
}
