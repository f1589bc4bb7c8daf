import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../../src/models/config.ts';
import { mapTensors } from '../../../src/models/tensorMap.ts';

describe('tensors that are not those of the configuration', () => {
  const config = parseConfig({
    hidden_size: 4,
    num_attention_heads: 2,
    num_hidden_layers: 1,
    intermediate_size: 6,
    vocab_size: 8,
    max_position_embeddings: 5,
  });
  const whole = new Map([...mapped().sources.keys()].map((name) => [name, found(name)] as const));

  function found(name: string): { shape: readonly number[]; dtype: string; floating: boolean } {
    const use = mapped().uses.find((one) => one.as === name);
    return { shape: use?.shape ?? [], dtype: 'F32', floating: true };
  }

  /** A whole model of this configuration, by its own list of what is missing. */
  function mapped(): ReturnType<typeof mapTensors> {
    const d = 4;
    const dense = (name: string, out: number, into: number): [string, number[]][] => [
      [`${name}.weight`, [out, into]],
      [`${name}.bias`, [out]],
    ];
    const norm = (name: string): [string, number[]][] => [
      [`${name}.weight`, [d]],
      [`${name}.bias`, [d]],
    ];
    const layer = 'bert.encoder.layer.0';
    const shapes: [string, number[]][] = [
      ['bert.embeddings.word_embeddings.weight', [8, d]],
      ['bert.embeddings.position_embeddings.weight', [5, d]],
      ['bert.embeddings.token_type_embeddings.weight', [2, d]],
      ...norm('bert.embeddings.LayerNorm'),
      ...['query', 'key', 'value'].flatMap((part) => dense(`${layer}.attention.self.${part}`, d, d)),
      ...dense(`${layer}.attention.output.dense`, d, d),
      ...norm(`${layer}.attention.output.LayerNorm`),
      ...dense(`${layer}.intermediate.dense`, 6, d),
      ...dense(`${layer}.output.dense`, d, 6),
      ...norm(`${layer}.output.LayerNorm`),
      ...dense('cls.predictions.transform.dense', d, d),
      ...norm('cls.predictions.transform.LayerNorm'),
      ['cls.predictions.bias', [8]],
    ];
    return mapTensors(config, new Map(shapes.map(([name, shape]) => [name, { shape, dtype: 'F32', floating: true }])));
  }

  const query = 'bert.encoder.layer.0.attention.self.query.weight';
  const weight = { shape: [4, 4], dtype: 'F32', floating: true };

  test.each([
    ['another shape', [[query, { ...weight, shape: [4, 3] }]], /query\.weight — expected \[4, 4\] from config\.json, got \[4, 3\]/],
    ['whole numbers', [[query, { ...weight, dtype: 'I8', floating: false }]], /expected floating-point numbers, got I8\. Quantised/],
    ['a layer too many', [['bert.encoder.layer.1.output.dense.weight', weight]], /expected layers 0 to 0 from config\.json, got layer 1/],
    [
      'relative positions',
      [['bert.encoder.layer.0.attention.self.distance_embedding.weight', weight]],
      /It attends by relative positions\. Supported/,
    ],
    ['a decoder', [['bert.encoder.layer.0.crossattention.self.query.weight', weight]], /It is a decoder\. Supported/],
    [
      'the same twice',
      [
        ['module.bert.x', weight],
        ['bert.embeddings.LayerNorm.gamma', { ...weight, shape: [4] }],
      ],
      /expected once, got it as bert\.embeddings\.LayerNorm\.weight and as bert\.embeddings\.LayerNorm\.gamma/,
    ],
    [
      'names of RoBERTa',
      [['roberta.embeddings.word_embeddings.weight', weight]],
      /expected tensors of a BERT, got others\. They are those of "roberta": take/,
    ],
  ] as const)('%s', (_, more, message) => {
    expect(() => mapTensors(config, new Map([...whole, ...more]))).toThrow(message);
  });

  test('a part of the head', () => {
    const rest = new Map([...whole].filter(([name]) => name !== 'cls.predictions.bias'));
    expect(() => mapTensors(config, rest)).toThrow(
      /cls\.predictions\.bias — expected \[8\], got nothing; 1 tensors are missing\. A head .* is used whole or not at all/,
    );
  });

  test('a wrapper around the model, and two encoders in one file', () => {
    const wrapped = new Map([...whole].map(([name, tensor]) => [`module.${name}`, tensor]));
    expect([...mapTensors(config, wrapped).sources.keys()]).toEqual([...whole.keys()]);
    const two = new Map(
      [...whole].flatMap(
        ([name, tensor]) =>
          [
            [`a.${name}`, tensor],
            [`b.${name}`, tensor],
          ] as const,
      ),
    );
    expect(() => mapTensors(config, two)).toThrow(/expected one encoder, got 2: a\.bert\., b\.bert\./);
  });

  test('a table under the name of its decoder, and the bias under the name of its copy', () => {
    const renamed = new Map(
      [...whole].map(([name, tensor]) => [
        name
          .replace('bert.embeddings.word_embeddings.weight', 'cls.predictions.decoder.weight')
          .replace('cls.predictions.bias', 'cls.predictions.decoder.bias'),
        tensor,
      ]),
    );
    expect(new Set(mapTensors(config, renamed).sources.keys())).toEqual(new Set(whole.keys()));
  });
});
