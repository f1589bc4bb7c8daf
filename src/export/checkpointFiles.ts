import { configToJson } from '../models/config.ts';
import { familyOf } from '../models/families/registry.ts';
import type { BertModel } from '../models/model.ts';
import { HIDDEN, outputOf } from '../models/outputs.ts';
import { safetensorsPieces } from '../formats/safetensorsPieces.ts';
import type { ZipFile } from '../formats/zipStream.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { NamedTensors, Tensor } from '../tensor/tensor.ts';

export function textFile(path: string, text: string): ZipFile {
  return { path, pieces: [new TextEncoder().encode(text)] };
}

export function jsonFile(path: string, value: unknown): ZipFile {
  return textFile(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** `config.json` as `from_pretrained` reads it. @param externalData ONNX files whose weights lie beside them, for transformers.js */
export function configFile(model: BertModel, externalData: readonly string[]): ZipFile {
  return jsonFile('config.json', {
    ...configToJson(model.config, outputOf(model) === HIDDEN),
    ...(externalData.length === 0
      ? {}
      : { 'transformers.js_config': { use_external_data_format: Object.fromEntries(externalData.map((file) => [file, 1])) } }),
  });
}

/** Largest finite number of half precision. */
const LARGEST_HALF = 65_504;

/** `model.safetensors` as `from_pretrained` reads it. @throws StudioError if a weight is too large for half precision */
export function weightsFile({ config, tensors }: BertModel, storage: 'fp32' | 'fp16'): ZipFile {
  const written = new Map(tensors);
  for (const { name, parts } of familyOf(config.family).packed?.(config) ?? []) {
    const found = parts.flatMap((part) => tensors.get(part) ?? []);
    if (found.length < parts.length) continue;
    for (const part of parts) written.delete(part);
    written.set(name, stacked(found));
  }
  for (const [copy, of] of familyOf(config.family).copies(config)) {
    const tensor = tensors.get(of);
    if (tensor !== undefined) written.set(copy, tensor);
  }
  if (storage === 'fp16') checkHalf(written);
  return { path: 'model.safetensors', pieces: safetensorsPieces(written, { format: 'pt' }, storage === 'fp16' ? 'F16' : 'F32') };
}

/** Tensors one behind the other, row by row. */
function stacked(tensors: readonly Tensor[]): Tensor {
  const data = new Float32Array(tensors.reduce((size, tensor) => size + tensor.data.length, 0));
  let at = 0;
  for (const tensor of tensors) {
    data.set(tensor.data, at);
    at += tensor.data.length;
  }
  const rows = tensors.reduce((sum, { shape }) => sum + (shape[0] ?? 1), 0);
  return { shape: [rows, ...(tensors[0]?.shape.slice(1) ?? [])], data };
}

function checkHalf(tensors: NamedTensors): void {
  for (const [name, { data }] of tensors)
    for (const value of data)
      if (!(Math.abs(value) <= LARGEST_HALF))
        throw new StudioError(
          'export',
          `export: ${name} — expected weights of at most ${LARGEST_HALF} for half precision, got ${value}. Export model.safetensors in fp32.`,
          { tensor: name },
        );
}

/** What a run trained, under the names that docs/method.md gives them, to continue or study it. */
export function compactorsFile(compactors: NamedTensors, metadata: Readonly<Record<string, string>>): ZipFile {
  return { path: 'wid/compactors.safetensors', pieces: safetensorsPieces(compactors, { format: 'pt', ...metadata }) };
}
