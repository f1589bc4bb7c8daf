import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { zipSync } from 'fflate';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openStage, type Stage } from './browser.ts';

const DEMO = fileURLToPath(new URL('../../public/demo/', import.meta.url));
let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(async () => {
  await stage.close();
});

test('the address chooses the engine, and the badge says which, how fast and why not WebGPU; it can be switched', async () => {
  const { page, faults } = await stage.open('?engine=reference');
  await page
    .getByTestId('engine')
    .filter({ hasText: /Reference.*GFLOP/ })
    .waitFor();
  await page.getByTestId('engine').click();
  await page.getByTestId('engine-auto').check();
  await page
    .getByTestId('engine')
    .filter({ hasText: /CPU · \d+ threads?.*GFLOP/ })
    .waitFor();
  expect((await page.getByTestId('not-webgpu').textContent())?.length).toBeGreaterThan(20);
  await expect.poll(() => page.url()).not.toContain('engine=');
  await page.getByTestId('engine-cpu').check();
  await page.waitForURL(/\?engine=cpu/);
  expect(faults).toEqual([]);
});

test('a zipped model folder becomes the teacher, a text file the text, and the controls keep the student legal', async () => {
  const { page, faults } = await stage.open();
  const folder = readdirSync(`${DEMO}teacher`).map((name): [string, Uint8Array] => [
    `my-bert/${name}`,
    new Uint8Array(readFileSync(`${DEMO}teacher/${name}`)),
  ]);
  const zip = Buffer.from(zipSync(Object.fromEntries(folder), { level: 0 }));
  await page.getByTestId('teacher-input').setInputFiles({ name: 'my-bert.zip', mimeType: 'application/zip', buffer: zip });
  await page.getByText('4 layers · 256 wide · 4 heads · FFN 1,024').waitFor();
  expect(await page.getByTestId('start').isDisabled()).toBe(true);

  await page.getByTestId('text-input').setInputFiles([`${DEMO}prose/a1.txt`, `${DEMO}prose/a2.txt`]);
  await page.getByText('packed into sequences of 128 tokens').waitFor();
  await expect.poll(() => page.getByTestId('start').isEnabled()).toBe(true);

  const value = (name: string): Promise<string> => page.getByTestId(`field-${name}`).inputValue();
  await page.getByTestId('slider-hiddenSize').press('ArrowLeft');
  await expect.poll(() => value('hiddenSize')).toBe('112');
  await expect.poll(() => value('headSize')).toBe('28');
  await page.getByTestId('slider-heads').press('ArrowLeft');
  await expect.poll(() => value('hiddenSize')).toBe('84');
  await page.getByTestId('field-intermediateSize').fill('5000');
  await page.getByTestId('field-intermediateSize').press('Enter');
  await expect.poll(() => value('intermediateSize')).toBe('1024');
  await page.waitForURL(/headSize=28.*intermediateSize=1024/);

  await page.getByLabel('Fit to').fill('6');
  await page.getByRole('button', { name: 'Fit', exact: true }).click();
  await page.waitForFunction(() => {
    const size = /· ([\d.]+) MB/.exec(document.querySelector('.recipe-foot .note')?.textContent ?? '')?.[1];
    return size !== undefined && Number(size) <= 6;
  });

  // The vocabulary: by the keyboard, with what it costs and what it does to the text; a number out of range is brought into it.
  const share = page.getByTestId('vocabulary-share');
  const whole = /^([\d.]+) MB of .* are vocabulary .* 96 to 8,192 words are possible\.$/.exec((await share.textContent()) ?? '');
  expect(whole).not.toBeNull();
  expect(await value('vocabulary')).toBe('8192');
  for (let press = 0; press < 3; press++) await page.getByTestId('slider-vocabulary').press('ArrowLeft');
  await expect.poll(() => value('vocabulary')).toBe('5000');
  const told = page.getByTestId('vocabulary-text');
  await told.filter({ hasText: /Your text: [\d.]+ → [\d.]+ tokens a word, .* Losses are taken over 5,000 words\.$/ }).waitFor();
  expect(Number(/^[\d.]+/.exec((await share.textContent()) ?? '')?.[0])).toBeLessThan(Number(whole?.[1]));
  await page.getByTestId('field-vocabulary').fill('3');
  await page.getByTestId('field-vocabulary').press('Enter');
  await told.filter({ hasText: 'Losses are taken over 96 words' }).waitFor();
  await page.getByTestId('vocabularyText').check();
  await told.filter({ hasText: '100.0% of it stays as it was' }).waitFor();
  expect(await value('vocabulary')).toBe('0');
  await page.waitForURL(/vocabulary=0&.*vocabularyText=true/);
  expect(faults).toEqual([]);
});
