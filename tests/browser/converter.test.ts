import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dropFiles, openStage, type Stage } from './browser.ts';

const CHECKPOINT = fileURLToPath(new URL('../golden/checkpoints/encoder-only/', import.meta.url));
let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});
afterAll(async () => {
  await stage.close();
});

test('a dropped encoder leaves as ONNX in every form, without text and without a run; an export can be cancelled', async () => {
  const { page, faults } = await stage.open();
  // The page as it is built, under its policy.
  expect(await page.locator('meta[http-equiv="Content-Security-Policy"]').count()).toBe(1);
  const runtime: string[] = [];
  page.on('response', (response) => {
    if (/\/ort[^/]*$/.test(response.url()))
      runtime.push(
        response
          .url()
          .replace(/.*\//, '')
          .replace(/-[\w-]{8}(?=\.\w+$)/, ''),
      );
  });
  await dropFiles(
    page,
    readdirSync(CHECKPOINT).map((name) => `${CHECKPOINT}${name}`),
  );
  await page.getByText('3 layers · 32 wide · 4 heads · FFN 48').waitFor({ timeout: 30_000 });
  await page.getByText('What goes in').click();
  for (const form of ['fp16', 'attentions']) await page.getByTestId(`with-${form}`).check();
  // onnxruntime-web is megabytes: nobody loads it before it is needed.
  expect(runtime).toEqual([]);

  await page.getByTestId('export-teacher').click();
  await page.getByTestId('cancel-export').click();
  await page.locator('[data-testid=export-teacher]:enabled').waitFor({ timeout: 60_000 });
  expect(await page.getByTestId('download').count()).toBe(0);

  await page.getByTestId('export-teacher').click();
  await page.getByTestId('download').waitFor({ timeout: 120_000 });
  await expect.poll(() => new Set(runtime)).toEqual(new Set(['ort.wasm.bundle.min.js', 'ort-wasm-simd-threaded.wasm']));
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByTestId('download').click()]);
  const files = Object.entries(unzipSync(readFileSync(await download.path())));
  const names = files.map(([path]) => path.slice(path.indexOf('/') + 1));
  for (const form of ['model', 'model_fp16', 'model_quantized', 'model_attentions']) expect(names).toContain(`onnx/${form}.onnx`);
  const run: unknown = JSON.parse(new TextDecoder().decode(files.find(([path]) => path.endsWith('/run.json'))?.[1]));
  const nothing = { withheld: null, heldOut: null };
  expect(run).toMatchObject({ onnx: [nothing, nothing, nothing, nothing] });
  expect(faults).toEqual([]);
});
