import { expect, test } from 'vitest';
import { dropGolden, everySaid, numberIn, openOnWebGpu, openStage, waitForStatus } from './browser.ts';

// Chromium's software adapter stands in for a GPU: the same WGSL, the same path from page to device.
test('a run on WebGPU, asked for by the address, goes through the page from drop to verified export', async () => {
  const stage = await openStage(['--enable-unsafe-webgpu']);
  try {
    const { page, faults } = await openOnWebGpu(stage);
    await dropGolden(page, { steps: 8, batch: 8, sequence: 32, evaluateEvery: 4 });
    const said = await everySaid(page, 'stage');
    await page.getByTestId('start').click();
    await waitForStatus(page, 'done');
    expect((await said()).join('\n')).toMatch(/Compiling GPU kernels, \d+ of \d+/);
    expect(await numberIn(page, 'step-value')).toBe(8);
    expect(await numberIn(page, 'loss-trained')).toBeLessThan(10);
    // The check of the GPU's numbers has compiled the kernels that this needs: nothing is said of it.
    await page.getByTestId('compare').click();
    await page.getByTestId('attention').waitFor();
    await expect.poll(() => page.getByTestId('asking-stage').textContent()).toBe('');
    // The exported file is judged against this engine's own logits.
    await page.getByTestId('export').click();
    await page.getByTestId('download').waitFor();
    expect(await page.getByTestId('verification').getByTestId('largest-difference').first().textContent()).toMatch(/e-\d/);
    // The speed test's products were measured before the run, and are kept for the next visit.
    expect(await page.evaluate(rememberedKernels)).toMatch(/"matmul kernels of [^"]*Chrome[^"]*":"\{.*chosen/);
    expect(faults).toEqual([]);
  } finally {
    await stage.close();
  }
});

/** What this origin keeps of its machine. */
async function rememberedKernels(): Promise<string> {
  const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('machine');
  return (await (await folder.getFileHandle('machine.json')).getFile()).text();
}

test('kernels are taken unmeasured where the address says so', async () => {
  const stage = await openStage(['--enable-unsafe-webgpu']);
  try {
    const { page, faults } = await stage.open('?engine=webgpu&tuning=off');
    await page
      .getByTestId('engine')
      .filter({ hasText: /WebGPU.*GFLOP/ })
      .waitFor();
    // Nothing was measured. That the adapter computes rightly is kept all the same.
    const kept = await page.evaluate(rememberedKernels);
    expect(kept).toMatch(/"numbers of [^"]*Chrome[^"]*":"right"/);
    expect(kept).not.toContain('matmul kernels');
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
      .waitFor();
    await page.getByTestId('engine').click();
    expect(await page.getByTestId('not-webgpu').textContent()).toMatch(/software.*GFLOP\/s.*CPU/i);
    expect(faults).toEqual([]);
  } finally {
    await stage.close();
  }
});
