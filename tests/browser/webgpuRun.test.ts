import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { dropFiles, numberIn, openStage, setField, waitForStatus } from './browser.ts';

const CHECKPOINT = fileURLToPath(new URL('../golden/checkpoints/safetensors/', import.meta.url));
const PROSE = fileURLToPath(new URL('../../public/demo/prose/a1.txt', import.meta.url));

// Chromium's software adapter stands in for a GPU: the same WGSL, the same path from page to device.
test('a run on WebGPU, asked for by the address, goes through the page from drop to verified export', async () => {
  const stage = await openStage(['--enable-unsafe-webgpu']);
  try {
    const { page, faults } = await stage.open('?engine=webgpu');
    await page
      .getByTestId('engine')
      .filter({ hasText: /WebGPU/ })
      .waitFor({ timeout: 60_000 });
    await dropFiles(page, [...readdirSync(CHECKPOINT).map((name) => `${CHECKPOINT}${name}`), PROSE]);
    await page.getByTestId('text-report').waitFor({ timeout: 60_000 });
    for (const [name, value] of Object.entries({ steps: 8, batch: 8, sequence: 32, evaluateEvery: 4 })) await setField(page, name, value);
    await page.getByTestId('start').click();
    await waitForStatus(page, 'done');
    expect(await numberIn(page, 'step-value')).toBe(8);
    expect(await numberIn(page, 'loss-trained')).toBeLessThan(10);
    // The exported file is judged against this engine's own logits.
    await page.getByTestId('export').click();
    await page.getByTestId('download').waitFor({ timeout: 120_000 });
    expect(await page.getByTestId('verification').getByTestId('largest-difference').first().textContent()).toMatch(/e-\d/);
    expect(faults).toEqual([]);
  } finally {
    await stage.close();
  }
});

test('without being asked, the page trains on the CPU engine where the adapter is a software one, and says why', async () => {
  const stage = await openStage(['--enable-unsafe-webgpu']);
  try {
    const { page, faults } = await stage.open();
    await page
      .getByTestId('engine')
      .filter({ hasText: /CPU · \d+ threads?.*GFLOP/ })
      .waitFor({ timeout: 60_000 });
    await page.getByTestId('engine').click();
    expect(await page.getByTestId('not-webgpu').textContent()).toMatch(/software.*GFLOP\/s.*CPU/i);
    expect(faults).toEqual([]);
  } finally {
    await stage.close();
  }
});
