import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
  await page.getByText('3 layers · 32 wide · 4 heads · FFN 48').waitFor();
  await page.getByText('What goes in').click();
  // An encoder gives nothing else; to ask for logits would be refused.
  await page.getByTestId('outputs').selectOption('last_hidden_state');
  for (const form of ['fp16', 'attentions']) await page.getByTestId(`with-${form}`).check();
  // onnxruntime-web is megabytes: nobody loads it before it is needed.
  expect(runtime).toEqual([]);

  await page.getByTestId('export-teacher').click();
  await page.getByTestId('cancel-export').click();
  await page.locator('[data-testid=export-teacher]:enabled').waitFor();
  expect(await page.getByTestId('download').count()).toBe(0);

  await page.getByTestId('export-teacher').click();
  await page.getByTestId('download').waitFor();
  await expect.poll(() => new Set(runtime)).toEqual(new Set(['ort.wasm.bundle.min.js', 'ort-wasm-simd-threaded.wasm']));
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByTestId('download').click()]);
  const files = Object.entries(unzipSync(readFileSync(await download.path())));
  const names = files.map(([path]) => path.slice(path.indexOf('/') + 1));
  for (const form of ['model', 'model_fp16', 'model_quantized', 'model_attentions']) expect(names).toContain(`onnx/${form}.onnx`);
  const run: unknown = JSON.parse(new TextDecoder().decode(files.find(([path]) => path.endsWith('/run.json'))?.[1]));
  const nothing = { output: 'last_hidden_state', withheld: null, heldOut: null };
  expect(run).toMatchObject({ onnx: [nothing, nothing, nothing, nothing] });
  expect(faults).toEqual([]);
});

test('a folder of sentence-transformers is a teacher of vectors and nothing else: no head is fitted, and its sentences are asked for', async () => {
  const { page, faults } = await stage.open();
  const scratch = mkdtempSync(join(tmpdir(), 'wid-studio-st-'));
  const folder = join(scratch, 'sentences');
  try {
    cpSync(CHECKPOINT, folder, { recursive: true });
    for (const inner of ['1_Pooling', '2_Normalize']) mkdirSync(join(folder, inner));
    const pooling = { word_embedding_dimension: 32, pooling_mode_mean_tokens: true };
    const settings = {
      '1_Pooling/config.json': pooling,
      'config_sentence_transformers.json': { __version__: { sentence_transformers: '2.2.2' } },
      'data_config.json': [{ name: 'pairs.jsonl.gz', lines: 1, weight: 1 }],
      'modules.json': ['', '1_Pooling', '2_Normalize'].map((path, idx) => ({
        idx,
        name: String(idx),
        path,
        type: `sentence_transformers.models.${path.slice(2) || 'Transformer'}`,
      })),
      'sentence_bert_config.json': { max_seq_length: 32, do_lower_case: false },
    };
    for (const [name, content] of Object.entries(settings)) writeFileSync(join(folder, name), JSON.stringify(content));
    writeFileSync(join(folder, 'README.md'), '# Sentences\n');
    await dropFiles(page, [folder]);
    await page.getByText('3 layers · 32 wide · 4 heads · FFN 48').waitFor();
    await page.getByTestId('sentences').waitFor();
    expect(await page.getByText(/head[^.]* is fitted on/).count()).toBe(0);
    // The student at hand fits: this teacher has less than a tenth of the 8 MB that every page began with.
    await expect.poll(async () => Number(await page.getByLabel('Fit to').inputValue())).toBeGreaterThan(0);
    expect(Number(await page.getByLabel('Fit to').inputValue())).toBeLessThan(0.5);
    expect(await page.getByRole('alert').count()).toBe(0);
    expect(faults).toEqual([]);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});
