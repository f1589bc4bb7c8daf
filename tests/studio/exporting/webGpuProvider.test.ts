// How a file is judged for WebGPU; the provider itself runs in tests/browser/onnxGpu.test.ts.
import { expect, test } from 'vitest';
import { ReferenceEngine } from '../../../src/engines/reference/referenceEngine.ts';
import { writeOnnx } from '../../../src/export/onnxStudent.ts';
import { OnnxJudge, TOLERANCES } from '../../../src/studio/verification/onnxVerification.ts';
import { verificationTokens, textBatch } from '../../../src/studio/verification/textBatch.ts';
import { hasWebGpuProvider, judgeOnWebGpu } from '../../../src/studio/verification/webGpuProvider.ts';
import { StudioError } from '../../../src/tensor/studioError.ts';
import { givenTeacher, variant } from './exportFixture.ts';

const { tokenizer } = givenTeacher();
const model = variant({});
const quiet = (): Promise<void> => Promise.resolve();
const judge = await OnnxJudge.create(new ReferenceEngine(), model, tokenizer, undefined, false, quiet);
const timed = textBatch(verificationTokens(tokenizer, undefined), tokenizer, 1, 7, model.config.typeVocabSize);
const asked = (precision: 'fp32' | 'q4') => ({
  judge,
  model,
  file: writeOnnx(model, 'golden', {}, { precision }),
  dataName: '',
  tolerance: TOLERANCES.fp32,
  timed,
  provider: 'wasm' as const,
});

test('Node has no WebGPU provider', async () => {
  expect(await hasWebGpuProvider()).toBe(false);
});

test('a file that agrees is fit and timed; one that differs is unfit, by how much', async () => {
  const fit = await judgeOnWebGpu(asked('fp32'), quiet, quiet);
  expect(fit.unfit).toBeNull();
  expect(fit.measured).toBeLessThan(TOLERANCES.fp32.most);
  expect(fit.latency).toMatchObject({ batch: 1, length: 7 });
  // Four bits held against what only fp32 is held against.
  const { measured, latency, unfit } = await judgeOnWebGpu(asked('q4'), quiet, quiet);
  expect(measured).toBeGreaterThan(1e-3);
  expect(latency).toBeNull();
  expect(unfit).toMatch(/^It differs from the engine by .* \(relative\), more than 0\.001\.$/);
});

test('a file that the runtime fails at is unfit in its words, and a cancel ends the export', async () => {
  const broken = { ...asked('fp32'), file: { model: Uint8Array.of(1, 2, 3), data: null } };
  const { measured, unfit } = await judgeOnWebGpu(broken, quiet, quiet);
  expect(measured).toBe(Infinity);
  expect(unfit).toContain('onnxruntime-web fails at it: ');
  const cancel = (): Promise<void> => Promise.reject(new StudioError('cancelled', 'export: cancelled.'));
  await expect(judgeOnWebGpu(asked('fp32'), cancel, quiet)).rejects.toThrow('cancelled');
});
