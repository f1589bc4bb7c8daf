// The whole job as a user of Firefox does it, on both engines: WebGPU there is wgpu, and its storage, workers and downloads are its own.
import { readFileSync } from 'node:fs';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStage, type Stage } from './browser.ts';
import { FIREFOX, openFirefox, poll } from './firefox.ts';

/**
 * On a software adapter, steps, comparing and exporting take minutes: on WebGPU a few steps are trained, and the rest runs only if this
 * is set. On the CPU all of it always does.
 */
const WHOLE = process.env['WID_WHOLE_JOB'] !== undefined;
const runOf = (steps: number): string =>
  `#batch=2&sequence=16&steps=${steps}&evaluateEvery=${steps}&calibration=one-pass&calibrationTokens=64`;

describe.skipIf(FIREFOX === undefined)('the demo in Firefox', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(() => stage.close());

  test.for([
    { engine: 'cpu', badge: /CPU · \d+ threads/, steps: 20 },
    { engine: 'webgpu', badge: /WebGPU/, steps: WHOLE ? 20 : 8 },
  ])('$engine: train, pause, reload, resume, then compare and export', async ({ engine, badge, steps }, { skip }) => {
    const firefox = await openFirefox();
    const { tab } = firefox;
    const status = (wanted: string): Promise<string> => tab.attribute('[data-testid=run-status]', 'data-status', wanted);
    try {
      await tab.goto(`${stage.url}?engine=${engine}&tuning=off${runOf(steps)}`);
      const offers = await tab.evaluate(async () => Boolean(await navigator.gpu?.requestAdapter()));
      if (engine === 'webgpu' && !offers) {
        console.warn('SKIPPED: the demo was not run on WebGPU in Firefox, since it offers no adapter.');
        return skip('no adapter');
      }
      await tab.shown('engine', (text) => badge.test(text));

      const begun = performance.now();
      await tab.click('[data-testid=try-demo]');
      await tab.shown('step-value', (text) => Number(text) >= 2);
      await tab.click('[data-testid=pause]');
      await status('paused');
      const held = Number(
        /kept at step (?<step>\d+)/.exec(await tab.shown('stage', (text) => text.includes('kept at step')))?.groups?.['step'],
      );
      expect(held).toBeGreaterThanOrEqual(2);
      expect(held).toBeLessThan(steps);

      // The page goes, the run stays.
      await tab.reload();
      expect(await tab.shown('unfinished-run')).toContain(`of ${steps}`);
      await tab.click('[data-testid=resume-run]');
      await status('done');
      expect(await tab.shown('step-value')).toBe(String(steps));
      // So few tokens teach nothing: what is tested is that all of it runs.
      const [untrained, trained] = [Number(await tab.shown('loss-untrained')), Number(await tab.shown('loss-trained'))];
      expect(trained).toBeGreaterThan(0);
      expect(trained).not.toBe(untrained);
      expect(trained).toBeLessThan(2 * untrained);
      console.log(
        `Firefox ${firefox.version}, ${engine}: ${steps} steps with a pause at ${held} and a reload in ${((performance.now() - begun) / 1000).toFixed(0)} s`,
      );

      if (engine === 'webgpu' && !WHOLE) {
        console.warn('SKIPPED: comparing and exporting on WebGPU in Firefox; WID_WHOLE_JOB=1 runs them, too.');
        expect(tab.faults).toEqual([]);
        return;
      }
      await tab.type('[data-testid=sentence]', 'The man walked into the [MASK].');
      await poll('ten words for the mask', async () =>
        (await tab.evaluate(() => document.querySelectorAll('[data-testid=fill-mask] li').length)) === 10 ? true : undefined,
      );
      await tab.shown('attention');

      await tab.click('[data-testid=export]');
      expect(await tab.shown('largest-difference', (text) => text !== '')).toMatch(/e-\d/);
      await tab.attribute('[data-testid=download]', 'download', /\.zip$/);
      const download = tab.download();
      await tab.click('[data-testid=download]');
      const names = Object.keys(unzipSync(new Uint8Array(readFileSync(await download)))).map((path) => path.slice(path.indexOf('/') + 1));
      for (const name of ['model.safetensors', 'onnx/model.onnx', 'onnx/model_quantized.onnx', 'tokenizer.json', 'run.json'])
        expect(names).toContain(name);
      expect(tab.faults).toEqual([]);
    } finally {
      await firefox.close();
    }
  });
});
