import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dropFiles, openStage, saved, setField, waitForStatus, type Stage } from './browser.ts';

const CHECKPOINT = fileURLToPath(new URL('../golden/checkpoints/safetensors/', import.meta.url));
const PROSE = fileURLToPath(new URL('../../public/demo/prose/a1.txt', import.meta.url));

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(async () => {
  await stage.close();
});

test('a run whose tab was closed goes on from its checkpoint, is not offered while another tab has it, nor when it is finished', async () => {
  // Tabs of one context share their storage, as a user's do.
  const context = await stage.context();
  const address = new URL('#batch=2&steps=40&evaluateEvery=40&calibration=one-pass', stage.url).href;
  await context.addInitScript(() => {
    for (const [name, made] of [
      ['persist', navigator.storage],
      ['request', navigator.wakeLock],
    ] as const) {
      const plain: unknown = Reflect.get(made, name);
      Reflect.set(made, name, (...given: unknown[]): unknown => {
        document.documentElement.dataset[name] = 'asked';
        const answer: unknown = typeof plain === 'function' ? Reflect.apply(plain, made, given) : undefined;
        return answer;
      });
    }
  });
  const first = await context.newPage();
  await first.goto(address);
  await first.getByTestId('try-demo').click();
  await first.getByTestId('loss-value').waitFor();
  await first.getByTestId('pause').click();
  await first.locator('[data-testid=run-status][data-status=paused]').waitFor();
  // The checkpoint of a pause is written in the background.
  await first.getByTestId('stage').filter({ hasText: 'kept at step' }).waitFor();
  const asked = await first.locator('html').evaluate(({ dataset }) => [dataset['persist'], dataset['request']]);
  expect(asked).toEqual(['asked', 'asked']);

  // A tab beside it is not offered a run that this one holds.
  const beside = await context.newPage();
  await beside.goto(address);
  await beside.getByTestId('engine').waitFor();
  await beside.waitForTimeout(1000);
  expect(await beside.getByTestId('unfinished-run').count()).toBe(0);
  await first.close();
  // It is as soon as nobody holds it any more, without a reload.
  await beside.getByTestId('resume-run').waitFor();
  await beside.close();

  const second = await context.newPage();
  await second.goto(address);
  await second.getByTestId('resume-run').waitFor();
  expect(await second.getByTestId('unfinished-run').textContent()).toMatch(/of 40.*kept in this browser/s);
  await second.getByTestId('resume-run').click();
  await second.locator('[data-testid=run-status][data-status=done]').waitFor();
  // The list of runs is read anew after the run's last event.
  await expect.poll(() => second.getByTestId('unfinished-run').count()).toBe(0);
  expect(Number(await second.getByTestId('loss-trained').textContent())).toBeGreaterThan(0);
  // The curve is the whole run's, not only what came after the checkpoint.
  const steps = (await saved(second, 'Save Training loss', 'CSV')).trim().split('\n').slice(1);
  expect(steps.map((line) => Number(line.split(',')[0]))).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
  await context.close();
});

test("a run on a user's own teacher and text goes on, and is opened, on a page that nothing was given to", async () => {
  const context = await stage.context();
  const first = await context.newPage();
  await first.goto(stage.url);
  await dropFiles(first, [...readdirSync(CHECKPOINT).map((name) => `${CHECKPOINT}${name}`), PROSE]);
  await first.getByTestId('text-report').waitFor();
  for (const [name, value] of Object.entries({ batch: 4, sequence: 32, steps: 2000, evaluateEvery: 2000 }))
    await setField(first, name, value);
  await first.getByTestId('start').click();
  await first.getByTestId('stage').filter({ hasText: 'kept at step' }).waitFor();
  await first.getByTestId('pause').click();
  await waitForStatus(first, 'paused');
  await first.close();

  const second = await context.newPage();
  await second.goto(stage.url);
  const offer = second.getByTestId('unfinished-run');
  await offer.waitFor();
  expect(await offer.textContent()).toMatch(/of 2000.*on a1.*kept in this browser: nothing has to be loaded/s);
  await second.getByTestId('resume-run').click();
  await waitForStatus(second, 'running');
  await expect.poll(() => second.getByTestId('text-report').textContent()).toMatch(/a1: 1 file.*32 tokens/s);
  await second.getByTestId('stop').click();
  await waitForStatus(second, 'done');
  await second.close();

  const third = await context.newPage();
  await third.goto(stage.url);
  await third.getByTestId('runs').click();
  await third.getByTestId('run-line').getByRole('button', { name: 'Open' }).click();
  await third.getByTestId('results').waitFor();
  await third.keyboard.press('Escape');
  await third.getByTestId('compare').click();
  await third.getByTestId('attention').waitFor();
  await context.close();
});
