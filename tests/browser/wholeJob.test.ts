import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dropFiles, numberIn, openStage, saved, setField, textIn, waitForStatus, type Stage } from './browser.ts';

const CHECKPOINT = fileURLToPath(new URL('../golden/checkpoints/pytorch-zip/', import.meta.url));
const PROSE = fileURLToPath(new URL('../../public/demo/prose/', import.meta.url));
let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(async () => {
  await stage.close();
});

test('drop a checkpoint and prose, size the student, train, pause, step, resume, compare, fill, export, read the zip', async () => {
  const { page, faults } = await stage.open();
  await page.getByTestId('engine').waitFor();

  // Teacher: a PyTorch zip with its configuration and vocabulary, dropped together with prose.
  const prose = ['a1.txt', 'b1.txt', 'c1.txt', 'd1.txt'].map((name) => `${PROSE}${name}`);
  await dropFiles(page, [...readdirSync(CHECKPOINT).map((name) => `${CHECKPOINT}${name}`), ...prose]);
  await page.getByText('3 layers · 32 wide · 4 heads · FFN 48').waitFor();
  await page.getByTestId('tensor-report').click();
  expect(await page.getByLabel('Tensors of the checkpoint').textContent()).toContain('bert.encoder.layer.2.output.dense.weight');
  await page.getByTestId('text-report').waitFor();
  expect(await page.getByTestId('example').locator('mark').count()).toBeGreaterThan(0);

  // Student: by keyboard and by typing; costs follow.
  await page.getByTestId('slider-hiddenSize').press('ArrowLeft');
  await setField(page, 'layers', 2);
  await setField(page, 'intermediateSize', 24);
  // So small a model takes large batches to be caught while it trains.
  const fields = { steps: 30, batch: 512, sequence: 32, evaluateEvery: 10 };
  for (const [name, value] of Object.entries(fields)) await setField(page, name, value);
  await page.waitForURL(/layers=2&.*intermediateSize=24&.*steps=30&batch=512/);
  await page.getByTestId('memory').filter({ hasText: 'MB' }).waitFor();

  // Run.
  await page.getByTestId('start').click();
  await waitForStatus(page, 'running');
  await page.getByTestId('pause').click();
  await waitForStatus(page, 'paused');
  // What was under way when the verb arrived may still report. Then the state is kept, and nothing moves.
  const standing = async (): Promise<number> => {
    let held = Number.NaN;
    await expect
      .poll(async () => {
        held = await numberIn(page, 'step-value');
        await page.waitForTimeout(800);
        return [await numberIn(page, 'step-value'), Number(/kept at step (\d+)/.exec(await textIn(page, 'stage'))?.[1])].every(
          (step) => step === held,
        );
      })
      .toBe(true);
    return held;
  };
  const held = await standing();
  expect(held).toBeLessThan(30);
  await page.getByTestId('step').click();
  await expect.poll(() => numberIn(page, 'step-value')).toBeGreaterThan(held);
  expect(await standing()).toBe(held + 1);
  await page.getByTestId('resume').click();
  await waitForStatus(page, 'done');
  await expect.poll(() => numberIn(page, 'step-value')).toBe(30);
  expect(await numberIn(page, 'loss-trained')).toBeLessThan(await numberIn(page, 'loss-untrained'));

  // Curves: crosshair by keys, numbers as a file, a picture.
  await page.getByTestId('crosshair').focus();
  await page.keyboard.press('ArrowRight');
  const head = page.getByRole('figure', { name: 'Training loss' }).locator('.chart-head');
  await expect.poll(() => head.textContent()).toMatch(/step 1 · Run 1 \d\.\d\d/);
  const rows = (await saved(page, 'Save Training loss', 'CSV')).trim().split('\n');
  expect(rows[0]).toBe('step,loss');
  expect(rows).toHaveLength(31);
  expect(await saved(page, 'Save Held-out loss', 'SVG')).toMatch(/^<svg xmlns.*Held-out loss.*<path/s);
  expect((await saved(page, 'Save Attention similarity', 'PNG')).startsWith('\u0089PNG')).toBe(true);
  await expect.poll(() => page.getByTestId('norms').locator('canvas').count()).toBeGreaterThan(3);
  await page.getByTestId('norms-table').locator('summary').click();
  await expect.poll(() => page.getByTestId('norms-table').locator('tbody tr').count()).toBeGreaterThan(2);
  expect(await page.getByTestId('norms-table').locator('tbody tr').first().textContent()).toMatch(/^0\d\.\d{3}/);

  // Compare.
  await page.getByTestId('head-grid').getByLabel('Layer 2, head 3').check({ force: true });
  await page.getByTestId('sentence').fill('the [MASK] of the a');
  await page.getByTestId('compare').click();
  await page.getByTestId('fill-mask').waitFor();
  // Attention and words are two questions, answered one after the other.
  await expect.poll(() => page.getByTestId('fill-mask').locator('li').count()).toBe(10);
  await expect.poll(() => page.getByTestId('attention').locator('h3').textContent()).toBe('Layer 2, head 3');
  await page.getByTestId('attention').locator('.maps').press('ArrowDown');
  await expect
    .poll(() => page.getByTestId('attention').locator('.readout').textContent())
    .toMatch(/^\S+ to \[CLS\]: teacher \d\.\d\d, student \d\.\d\d/);
  const pairs = (await saved(page, 'Save attention of Layer 2, head 3', 'CSV')).trim().split('\n').slice(1);
  const ofFirst = pairs.filter((row) => row.startsWith('0,')).reduce((sum, row) => sum + Number(row.split(',').at(-1)), 0);
  expect(ofFirst).toBeCloseTo(1, 4);

  // Export, and read what came.
  await page.getByTestId('export').click();
  await page.getByTestId('download').waitFor();
  expect(await page.getByTestId('verification').getByTestId('largest-difference').first().textContent()).toMatch(/e-\d/);
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByTestId('download').click()]);
  const files = unzipSync(readFileSync(await download.path()));
  const inside = new Map(Object.entries(files).map(([path, bytes]) => [path.slice(path.indexOf('/') + 1), bytes]));
  for (const name of ['model.safetensors', 'tokenizer.json', 'onnx/model.onnx', 'onnx/model_quantized.onnx', 'README.md', 'run.json'])
    expect(inside.get(name)?.length ?? 0).toBeGreaterThan(100);
  const config: unknown = JSON.parse(new TextDecoder().decode(inside.get('config.json')));
  expect(config).toMatchObject({ model_type: 'bert', num_hidden_layers: 2, hidden_size: 12, intermediate_size: 24, vocab_size: 61 });

  // The run is kept: another one, of no step, stands beside it, and it can be opened again.
  await setField(page, 'steps', 0);
  await expect.poll(() => page.getByTestId('start').textContent()).toContain('no training');
  await expect.poll(() => page.getByTestId('eta').textContent()).toContain('none');
  await page.getByTestId('start').click();
  await page.getByRole('heading', { name: 'Run 2' }).waitFor();
  await waitForStatus(page, 'done');
  expect(await page.getByTestId('results').locator('tbody th').allTextContents()).toEqual(['Teacher', 'Student, untrained']);
  await expect.poll(() => page.getByTestId('overlay').inputValue()).toBe('Run 1');
  await page.getByTestId('runs').click();
  const first = page.getByTestId('run-line').filter({ hasText: 'Run 1' });
  await expect.poll(() => first.textContent()).toContain('30 of 30 steps');
  await expect.poll(() => page.getByTestId('run-line').filter({ hasText: 'Run 2' }).textContent()).toContain('untrained');
  await first.getByRole('button', { name: 'Open' }).click();
  await page.keyboard.press('Escape');
  await page.getByRole('heading', { name: 'Run 1' }).waitFor();
  await expect.poll(() => numberIn(page, 'step-value')).toBe(30);
  await expect.poll(() => page.getByTestId('field-steps').inputValue()).toBe('30');

  // Two students beside one another.
  await page.getByTestId('against').selectOption('Run 2');
  await page.getByTestId('compare').click();
  await page.getByTestId('attention').waitFor();
  // Choosing another student asks for the maps at once, so they may be on their way.
  await expect.poll(() => page.getByTestId('attention').locator('.map-name').allTextContents()).toEqual(['Run 2', 'Run 1', 'difference']);

  // The history is tidied: renamed, deleted, brought back, taken to a file and back from it.
  await page.getByTestId('runs').click();
  const more = async (name: string, item: string): Promise<void> => {
    await page.getByLabel(`More for ${name}`).click();
    await page.getByRole('menuitem', { name: item }).click();
  };
  await more('Run 2', 'Rename');
  await page.getByLabel('New name of Run 2').fill('Short one');
  await page.getByLabel('New name of Run 2').press('Enter');
  await page.getByTestId('run-line').filter({ hasText: 'Short one' }).waitFor();
  const [archive] = await Promise.all([page.waitForEvent('download'), more('Short one', 'Export as a file')]);
  const kept = await archive.path();
  expect(archive.suggestedFilename()).toMatch(/\.zip$/);
  await more('Short one', 'Delete');
  await page.getByTestId('undo-delete').waitFor();
  await page.getByTestId('run-line').filter({ hasText: 'Short one' }).waitFor({ state: 'detached' });
  expect(await page.getByTestId('run-line').count()).toBe(1);
  await page.getByTestId('undo-delete').click();
  await page.getByTestId('run-line').filter({ hasText: 'Short one' }).waitFor();
  await more('Short one', 'Delete');
  await page.getByTestId('undo-delete').waitFor();
  await page.getByTestId('run-line').filter({ hasText: 'Short one' }).waitFor({ state: 'detached' });
  await page.getByTestId('import-run').setInputFiles({ name: 'run.zip', mimeType: 'application/zip', buffer: readFileSync(kept) });
  await page.getByTestId('run-line').filter({ hasText: 'Short one' }).waitFor();
  await page.keyboard.press('Escape');
  expect(faults).toEqual([]);
});
