import type { Page, Worker } from 'playwright-core';
import { expect, test } from 'vitest';
import { dropGolden, openOnWebGpu, openStage, waitForStatus } from './browser.ts';
import { keptRecords, lossesOf } from './keptRecords.ts';

const STEPS = 40;

declare global {
  // In the studio's worker: the device that was used last, and whether every device is to be lost at once.
  var lastDevice: GPUDevice | undefined;
  var doomed: boolean | undefined;
}

function studioWorker(page: Page): Worker {
  const worker = page.workers().find((each) => each.url().includes('studio.worker'));
  if (worker === undefined) throw new Error('the page has no studio worker');
  return worker;
}

/** Notes every device of a worker as it is used: what a driver's reset would take away. */
async function watchDevices(worker: Worker): Promise<void> {
  await worker.evaluate(() => {
    const plain = Reflect.get(GPUDevice.prototype, 'createCommandEncoder');
    GPUDevice.prototype.createCommandEncoder = function (this: GPUDevice, ...given) {
      globalThis.lastDevice = this;
      if (globalThis.doomed === true) this.destroy();
      return Reflect.apply(plain, this, given);
    };
  });
}

async function keptBeyond(page: Page, step: number): Promise<void> {
  await page.waitForFunction(
    (least) => Number(/kept at step (\d+)/.exec(document.querySelector('[data-testid=stage]')?.textContent ?? '')?.[1] ?? 0) > least,
    step,
    { timeout: 300_000, polling: 20 },
  );
}

// Chromium's software adapter stands in for a GPU; the device that is lost is a real one.
test('a run whose GPU device is lost goes on by itself, on a new device or on the CPU, says so, and loses nothing', async () => {
  const stage = await openStage(['--enable-unsafe-webgpu']);
  try {
    const { page } = await openOnWebGpu(stage, false);
    await dropGolden(page, { steps: STEPS, batch: 4, sequence: 32, evaluateEvery: 30 });
    const worker = studioWorker(page);
    await watchDevices(worker);
    await page.getByTestId('start').click();
    await waitForStatus(page, 'done');

    // On a new device.
    await page.getByTestId('start').click();
    await keptBeyond(page, 0);
    await worker.evaluate(() => globalThis.lastDevice?.destroy());
    const fault = page.getByTestId('fault');
    await fault.waitFor();
    expect(await fault.textContent()).toMatch(/The device was lost; the run goes on.*the device was lost \(destroyed/s);
    await waitForStatus(page, 'done');
    const [again, straight] = await keptRecords(page);
    if (again === undefined || straight === undefined) throw new Error('no records');
    expect(straight.engine).toContain('webgpu');
    expect(again.engine).toContain('webgpu');
    expect(lossesOf(straight)).toHaveLength(STEPS);
    expect(lossesOf(again)).toEqual(lossesOf(straight));
    expect({ ...again.result, seconds: 0 }).toEqual({ ...straight.result, seconds: 0 });

    // Every device that follows is lost too: the CPU takes over.
    await fault.getByLabel('Dismiss').click();
    await page.getByTestId('start').click();
    await keptBeyond(page, 0);
    await worker.evaluate(() => (globalThis.doomed = true));
    await fault.waitFor();
    await waitForStatus(page, 'done');
    await page.getByTestId('engine').filter({ hasText: /CPU/ }).waitFor();
    const [onCpu] = await keptRecords(page);
    if (onCpu === undefined) throw new Error('no record');
    expect(onCpu.engine).toContain('cpu');
    expect(onCpu.done).toBe(STEPS);
    // Both engines add in float32 in their own order: the same numbers to a few digits.
    for (const [i, [step, loss]] of lossesOf(onCpu).entries()) expect(loss, `step ${step}`).toBeCloseTo(lossesOf(straight)[i]?.[1] ?? 0, 3);
  } finally {
    await stage.close();
  }
});
