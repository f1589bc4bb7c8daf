import { unzipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { ReferenceEngine } from '../../../src/engines/reference/referenceEngine.ts';
import { readSafetensors } from '../../../src/formats/safetensors.ts';
import { exportStudent } from '../../../src/studio/exporting/studentExport.ts';
import { finishedWith, givenTeacher, variant } from './exportFixture.ts';

async function exported(tieWordEmbeddings: boolean): Promise<Map<string, Uint8Array>> {
  const run = finishedWith(variant({ tieWordEmbeddings }));
  const { zip } = await exportStudent(new ReferenceEngine(), givenTeacher(), run, 'tiny student', () => undefined);
  return new Map(Object.entries(unzipSync(new Uint8Array(await zip.arrayBuffer()))));
}

function json(files: Map<string, Uint8Array>, path: string): Map<string, unknown> {
  const value: unknown = JSON.parse(new TextDecoder().decode(files.get(path)));
  return new Map(Object.entries(typeof value === 'object' && value !== null ? value : {}));
}

function weights(files: Map<string, Uint8Array>): ReturnType<typeof readSafetensors>['tensors'] {
  return readSafetensors(files.get('tiny-student/model.safetensors') ?? new Uint8Array()).tensors;
}

describe('the folder', () => {
  test('has one top folder and every file of a Hugging Face checkpoint', async () => {
    const files = await exported(true);
    expect([...files.keys()].sort()).toEqual(
      [
        'README.md',
        'config.json',
        'model.safetensors',
        'onnx/model.onnx',
        'onnx/model_quantized.onnx',
        'run.json',
        'special_tokens_map.json',
        'tokenizer.json',
        'tokenizer_config.json',
        'vocab.txt',
      ].map((path) => `tiny-student/${path}`),
    );
    expect([...json(files, 'tiny-student/config.json').keys()].sort()).toEqual(
      [
        'architectures',
        'attention_probs_dropout_prob',
        'hidden_act',
        'hidden_dropout_prob',
        'hidden_size',
        'initializer_range',
        'intermediate_size',
        'layer_norm_eps',
        'max_position_embeddings',
        'model_type',
        'num_attention_heads',
        'num_hidden_layers',
        'pad_token_id',
        'position_embedding_type',
        'tie_word_embeddings',
        'type_vocab_size',
        'vocab_size',
      ].sort(),
    );
    const tokenizer = json(files, 'tiny-student/tokenizer_config.json');
    expect(tokenizer.get('tokenizer_class')).toBe('BertTokenizer');
    expect(tokenizer.get('mask_token')).toBe('[MASK]');
    expect(json(files, 'tiny-student/special_tokens_map.json').get('mask_token')).toBe('[MASK]');
  });

  test('leaves a tied decoder out', async () => {
    const files = await exported(true);
    expect(json(files, 'tiny-student/config.json').get('tie_word_embeddings')).toBe(true);
    const names = [...weights(files).keys()];
    expect(names).toContain('cls.predictions.bias');
    expect(names.filter((name) => name.includes('decoder'))).toEqual([]);
  });

  test('writes an untied decoder with its bias', async () => {
    const files = await exported(false);
    expect(json(files, 'tiny-student/config.json').get('tie_word_embeddings')).toBe(false);
    const tensors = weights(files);
    expect(tensors.has('cls.predictions.decoder.weight')).toBe(true);
    expect(tensors.get('cls.predictions.decoder.bias')?.data).toEqual(tensors.get('cls.predictions.bias')?.data);
  });
});
