import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../../src/models/config.ts';

describe('configurations', () => {
  const base = { model_type: 'bert', hidden_size: 32, num_attention_heads: 4 };
  test.each([
    ['a billion layers', { num_hidden_layers: 1e9 }, /num_hidden_layers — expected a whole number from 1 to 1000, got 1000000000/],
    ['no layers', { num_hidden_layers: 0 }, /from 1 to 1000, got 0/],
    ['a width of 2^40', { hidden_size: 2 ** 40 }, /hidden_size — expected/],
    [
      'a nested value',
      { vocab_size: JSON.parse('['.repeat(50_000) + ']'.repeat(50_000)) as unknown },
      /vocab_size — expected .* got a list of 1/,
    ],
    ['ALBERT', { model_type: 'albert' }, /got "albert"\. ALBERT shares one layer among all\. Supported are BERT, DistilBERT, RoBERTa/],
    ['DeBERTa', { model_type: 'deberta-v2' }, /DeBERTa attends by relative positions/],
    ['a family without a reason', { model_type: 'x\nmodel' }, /got "x\?model"\. Supported are/],
    [
      'relative positions',
      { position_embedding_type: 'relative_key_query' },
      /expected "absolute", got "relative_key_query"\. Relative positions/,
    ],
    ['a decoder', { is_decoder: true }, /is_decoder — expected false, got true\. A decoder reads/],
    ['another activation', { hidden_act: 'silu' }, /hidden_act — expected one of gelu, gelu_new, gelu_pytorch_tanh, relu, got "silu"/],
  ])('%s', (_, change, message) => {
    expect(() => parseConfig({ ...base, ...change })).toThrow(message);
  });
});
