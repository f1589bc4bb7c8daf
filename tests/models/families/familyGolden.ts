import { readFileSync } from 'node:fs';
import { readSafetensors, type SafetensorsFile } from '../../../src/formats/safetensors.ts';
import { blueprintOf } from '../../../src/models/blueprint.ts';
import { parseConfig } from '../../../src/models/config.ts';
import type { BertModel } from '../../../src/models/model.ts';
import type { GivenFile } from '../../../src/studio/api/files.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { spacesOf, type SpaceSizes } from '../../../src/wid/spaces.ts';
import { batchOf, type GoldenBatch } from '../../golden/batch.ts';
import { goldenIntegers, goldenTensor } from '../../golden/load.ts';

/** Sequences of a batch of tests/golden/families, and tokens in each. */
export const BATCH = 3;
export const SEQUENCE = 13;

/** What Hugging Face's `save_pretrained` writes of a model: its tensors' shapes by name, and its configuration. */
export interface Saved {
  readonly tensors: Readonly<Record<string, readonly number[]>>;
  readonly config: Readonly<Record<string, unknown>>;
}

/** One folder of tests/golden/families, made by makeFamilies.py. */
export interface FamilyGolden {
  readonly files: readonly GivenFile[];
  readonly file: SafetensorsFile;
  readonly batch: GoldenBatch;
  /** Golden students as Hugging Face's class saves them. */
  readonly saved: { readonly tied: Saved; readonly untied: Saved };
  /** Spaces of those students; every layer is kept. */
  readonly student: SpaceSizes;
  /** The teacher's heads that they keep, by layer; empty if all. */
  readonly heads: ReadonlyMap<number, readonly number[]>;
  readonly numbers: (name: string) => Float32Array;
  /** Tensors whose names begin so, by the rest of their names. */
  readonly under: (prefix: string) => Map<string, Tensor>;
}

/** A JSON file's object; of anything else an empty one. */
export function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

export function parsed(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(bytes));
}

function savedOf(value: unknown): Saved {
  const { tensors, config } = recordOf(value);
  const shapes = Object.entries(recordOf(tensors)).map(([name, shape]) => [name, Array.isArray(shape) ? shape.map(Number) : []] as const);
  return { tensors: Object.fromEntries(shapes), config: recordOf(config) };
}

export function familyGolden(folder: string): FamilyGolden {
  const bytes = (path: string): Uint8Array =>
    new Uint8Array(readFileSync(new URL(`../../golden/families/${folder}/${path}`, import.meta.url)));
  const file = readSafetensors(bytes('golden.safetensors'));
  const found = recordOf(parsed(bytes('saved.json')));
  const saved = { tied: savedOf(found['tied']), untied: savedOf(found['untied']) };
  const { residual, heads, headSize, inner, layers } = spacesOf(parseConfig(saved.untied.config));
  const kept = Array.from({ length: layers }, (_, layer) => layer).filter((layer) => file.integers.has(`heads.${layer}`));
  return {
    files: ['config.json', 'model.safetensors', 'vocab.txt'].map((path) => ({ path, bytes: bytes(path) })),
    file,
    batch: batchOf(file),
    saved,
    student: { residual, heads, headSize, inner, layers },
    heads: new Map(kept.map((layer) => [layer, [...goldenIntegers(file, `heads.${layer}`)]])),
    numbers: (name) => goldenTensor(file, name).data,
    under: (prefix) =>
      new Map(
        [...file.tensors].flatMap(([name, tensor]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), tensor] as const] : [])),
      ),
  };
}

/** Rows of tokens, [N, C] row-major: what stands at padding is no one's business. */
export function ofTokens({ attention }: GoldenBatch, values: ArrayLike<number>): number[] {
  const width = values.length / attention.length;
  return Array.from(values).filter((_, i) => attention[Math.floor(i / width)] === 1);
}

/** Attention [B, A, T, T] of queries that are tokens. */
export function ofQueries({ attention }: GoldenBatch, maps: ArrayLike<number>): number[] {
  const heads = maps.length / (BATCH * SEQUENCE * SEQUENCE);
  return Array.from(maps).filter((_, i) => {
    const row = Math.floor(i / SEQUENCE);
    return attention[Math.floor(row / (heads * SEQUENCE)) * SEQUENCE + (row % SEQUENCE)] === 1;
  });
}

/** Folders of tests/golden/families, each of one family. */
export const FOLDERS = ['distilbert', 'roberta', 'xlm-roberta', 'camembert', 'electra', 'electra-small', 'modernbert'] as const;

/** The model with a quarter of its logits: the golden weights are large, and beside logits of 40 half precision has no digits for small ones. */
export function milder({ config, tensors }: BertModel): BertModel {
  const { weight, bias } = blueprintOf(config).module('transformNorm');
  return {
    config,
    tensors: new Map(
      [...tensors].map(([name, { shape, data }]) => [
        name,
        { shape, data: name === weight || name === bias ? data.map((x) => x / 4) : data },
      ]),
    ),
  };
}
