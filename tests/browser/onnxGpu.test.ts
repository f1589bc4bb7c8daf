// Exported files where GPUs run them: onnxruntime-web's WebGPU provider, on Chromium's software adapter.
import { expect, test } from 'vitest';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import { encodeStudentOnnx } from '../../src/export/onnxStudent.ts';
import { difference } from '../../src/studio/verification/difference.ts';
import { engineLogits } from '../../src/studio/verification/engineAnswer.ts';
import { openOnnx } from '../../src/studio/verification/onnxRuntime.ts';
import { variant } from '../studio/exporting/exportFixture.ts';
import { openSmallPage } from './smallPage.ts';

test('fp32 gives the engine’s logits on WebGPU, and q4 what it gives on a CPU', async () => {
  const model = variant({});
  const ids = Int32Array.from({ length: 7 }, (_, i) => 5 + i);
  const all = new Uint8Array(ids.length).fill(1);
  const small = await openSmallPage('onnxGpu', 'onnxGpu', ['--enable-unsafe-webgpu']);
  try {
    const onGpu = async (file: Uint8Array): Promise<Float32Array> =>
      Float32Array.from(
        await small.page.evaluate(([bytes, tokens]) => onnxGpu.logits(bytes, tokens), [
          Buffer.from(file).toString('base64'),
          [...ids],
        ] as const),
      );
    const exact = await engineLogits(new ReferenceEngine(), model, ids, all, 1, ids.length);
    expect(difference(exact, await onGpu(encodeStudentOnnx(model, 'golden', {}))).relative).toBeLessThan(1e-3);
    const q4 = encodeStudentOnnx(model, 'golden', {}, 'q4');
    const runtime = await openOnnx(q4);
    const onCpu = await runtime.logits(ids, all, 1, ids.length);
    await runtime.close();
    expect(difference(onCpu, await onGpu(q4)).relative).toBeLessThan(1e-3);
    expect(difference(exact, onCpu).relative).toBeGreaterThan(1e-2);
  } finally {
    await small.close();
  }
});
