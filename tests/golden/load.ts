import { readFileSync } from 'node:fs';
import { parseConfig } from '../../src/models/config.ts';
import { parameterShapes, type BertModel } from '../../src/models/model.ts';
import { batchOf, integersOf, type GoldenBatch } from './batch.ts';
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
  return integersOf(file, name);
}

/** The tiny teacher of the golden files. */
export function goldenTeacher(): BertModel {
  const folder = new URL('./checkpoints/safetensors/', import.meta.url);
  const config = parseConfig(JSON.parse(readFileSync(new URL('config.json', folder), 'utf8')));
  const file = readSafetensors(readFileSync(new URL('model.safetensors', folder)));
  return { config, tensors: new Map([...parameterShapes(config).keys()].map((name) => [name, goldenTensor(file, name)])) };
}

/** The golden batch in the form of a training step. */
export function goldenBatch(): GoldenBatch {
  return batchOf(golden('batch'));
}
