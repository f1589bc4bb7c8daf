import { StudioError } from '../tensor/studioError.ts';

/** An exported file opened in onnxruntime-web, the independent judge. */
export interface OnnxRuntime {
  /** @param types segments; all 0 if absent
   * @returns [batch, length, vocab] row-major */
  logits(ids: Int32Array, attention: Uint8Array, batch: number, length: number, types?: Int32Array): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Loads the runtime when first needed: it is megabytes. */
export async function openOnnx(bytes: Uint8Array): Promise<OnnxRuntime> {
  const ort = await import('onnxruntime-web');
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'error';
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ['wasm'] });
  return {
    async logits(ids, attention, batch, length, types = new Int32Array(ids.length)) {
      const tensor = (values: Iterable<number> & ArrayLike<number>): InstanceType<typeof ort.Tensor> =>
        new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [batch, length]);
      const { logits } = await session.run({
        input_ids: tensor(ids),
        attention_mask: tensor(attention),
        token_type_ids: tensor(types),
      });
      if (!(logits?.data instanceof Float32Array)) throw new StudioError('verification', 'onnxruntime-web: expected float32 logits.');
      return logits.data.slice();
    },
    close: () => session.release(),
  };
}
