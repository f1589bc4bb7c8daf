import { readFileSync } from 'node:fs';
import { parseConfig } from '../../src/bert/config.ts';
import { parameterShapes, type BertModel } from '../../src/bert/model.ts';
import { readSafetensors, type SafetensorsFile } from '../../src/formats/safetensors.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

/** A golden file made by PyTorch and transformers in float64; see README.md beside this file. */
export function golden(name: string): SafetensorsFile {
  return readSafetensors(readFileSync(new URL(`./${name}.safetensors`, import.meta.url)));
}

export function goldenTensor(file: SafetensorsFile, name: string): Tensor {
  const tensor = file.tensors.get(name);
  if (tensor === undefined) throw new Error(`golden: no tensor ${name}`);
  return tensor;
}

export function goldenIntegers(file: SafetensorsFile, name: string): Int32Array {
  const found = file.integers.get(name);
  if (found === undefined) throw new Error(`golden: no integers ${name}`);
  return found.data;
}

/** The tiny teacher of the golden files. */
export function goldenTeacher(): BertModel {
  const folder = new URL('./checkpoints/safetensors/', import.meta.url);
  const config = parseConfig(JSON.parse(readFileSync(new URL('config.json', folder), 'utf8')));
  const file = readSafetensors(readFileSync(new URL('model.safetensors', folder)));
  return { config, tensors: new Map([...parameterShapes(config).keys()].map((name) => [name, goldenTensor(file, name)])) };
}

export const BATCH = 3;
export const SEQUENCE = 17;

/** The golden batch in the form of a training step. */
export function goldenBatch(): {
  inputIds: Int32Array;
  typeIds: Int32Array;
  attention: Uint8Array;
  attentionMask: Float32Array;
  positions: Int32Array;
  labels: Int32Array;
  predicted: number;
} {
  const file = golden('batch');
  const attention = Uint8Array.from(goldenIntegers(file, 'attention_mask'));
  const all = goldenIntegers(file, 'labels');
  const positions = Int32Array.from([...all.keys()].filter((i) => (all[i] ?? -1) >= 0));
  return {
    inputIds: goldenIntegers(file, 'input_ids'),
    typeIds: goldenIntegers(file, 'token_type_ids'),
    attention,
    attentionMask: Float32Array.from(attention, (x) => (x === 0 ? -1e30 : 0)),
    positions,
    labels: Int32Array.from(positions, (i) => all[i] ?? -1),
    predicted: positions.length,
  };
}

/** Largest |a - b| over the largest |b|. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let worst = 0;
  let size = 0;
  for (let i = 0; i < b.length; i++) {
    worst = Math.max(worst, Math.abs((a[i] ?? Number.NaN) - (b[i] ?? 0)));
    size = Math.max(size, Math.abs(b[i] ?? 0));
    if (Number.isNaN(a[i])) return Infinity;
  }
  return size === 0 ? worst : worst / size;
}
