import { blobOf } from '../../formats/blobOf.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { OnnxFile } from '../../formats/onnx/onnxModel.ts';
import { familyOf } from '../../models/families/registry.ts';
import type { OnnxInputs } from '../../models/family.ts';
import type { BertModel } from '../../models/model.ts';
import type { TextBatch } from './textBatch.ts';

/** An exported file opened in onnxruntime-web, the independent judge. */
export interface OnnxRuntime {
  /** Every float32 output by name, row-major. */
  run(batch: TextBatch): Promise<ReadonlyMap<string, Float32Array>>;
  /** @param types segments; all 0 if absent
   * @returns [batch, length, vocab] row-major */
  logits(ids: Int32Array, attention: Uint8Array, batch: number, length: number, types?: Int32Array): Promise<Float32Array>;
  close(): Promise<void>;
}

/** What a model's files call their inputs. */
export function onnxInputs({ config }: Pick<BertModel, 'config'>): OnnxInputs {
  return familyOf(config.family).onnxInputs;
}

/** Where onnxruntime-web computes. */
export type OnnxProvider = 'wasm' | 'webgpu';

/**
 * @param dataName name under which the model knows its external data
 * @param inputs what the model's family calls them
 */
export async function openOnnx(
  file: Uint8Array | OnnxFile,
  dataName = '',
  inputs: OnnxInputs = familyOf(undefined).onnxInputs,
  provider: OnnxProvider = 'wasm',
): Promise<OnnxRuntime> {
  // Loaded when first needed: it is megabytes, and twice as many with a GPU's code.
  const ort = provider === 'webgpu' ? await import('onnxruntime-web/webgpu') : await import('onnxruntime-web');
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'error';
  const { model, data } = file instanceof Uint8Array ? { model: file, data: null } : file;
  const session = await ort.InferenceSession.create(model, {
    executionProviders: [provider],
    ...(data === null ? {} : { externalData: [{ path: dataName, data: blobOf(data) }] }),
  });
  const run = async ({ ids, attention, types, batch, length }: TextBatch): Promise<Map<string, Float32Array>> => {
    const tensor = (values: Iterable<number> & ArrayLike<number>): InstanceType<typeof ort.Tensor> =>
      new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [batch, length]);
    const outputs = await session.run({
      [inputs.ids]: tensor(ids),
      [inputs.mask]: tensor(attention),
      ...(inputs.segments === undefined ? {} : { [inputs.segments]: tensor(types) }),
    });
    const found = new Map<string, Float32Array>();
    for (const [name, { data: values }] of Object.entries(outputs)) {
      if (!(values instanceof Float32Array)) throw new StudioError('verification', `onnxruntime-web: ${name} — expected float32.`);
      found.set(name, values);
    }
    return found;
  };
  return {
    run,
    async logits(ids, attention, batch, length, types = new Int32Array(ids.length)) {
      const logits = (await run({ ids, attention, types, batch, length })).get('logits');
      if (logits === undefined) throw new StudioError('verification', 'onnxruntime-web: the file has no output named logits.');
      return logits;
    },
    close: () => session.release(),
  };
}

/** Of onnxruntime-web. */
export async function runtimeVersion(): Promise<string> {
  const { env } = await import('onnxruntime-web');
  return env.versions.web ?? 'unknown';
}
