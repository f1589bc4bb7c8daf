import { openOnnx } from '../../../src/studio/verification/onnxRuntime.ts';

/** What the test calls. */
export interface OnnxGpuPage {
  /** Logits [1, ids, vocabulary] of a file, given as text of base64, on onnxruntime-web's WebGPU provider. */
  logits(file: string, ids: readonly number[]): Promise<readonly number[]>;
}

declare global {
  // The only way to give a page's functions to its test.
  var onnxGpu: OnnxGpuPage;
}

globalThis.onnxGpu = {
  async logits(file, ids) {
    const bytes = Uint8Array.from(atob(file), (letter) => letter.codePointAt(0) ?? 0);
    const runtime = await openOnnx(bytes, '', undefined, 'webgpu');
    const logits = await runtime.logits(Int32Array.from(ids), new Uint8Array(ids.length).fill(1), 1, ids.length);
    await runtime.close();
    return [...logits];
  },
};
