import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../../src/models/config.ts';
import { familyIds, familyOf } from '../../../src/models/families/registry.ts';
import { SUPPORTED } from '../../../src/models/families/unsupported.ts';
import { mapTensors } from '../../../src/models/tensorMap.ts';
import { knownFamily } from '../../../src/studio/teacher/otherForms.ts';

/** Families that stay out: `model_type`, class of the model, a tensor of theirs, and what the user is told. */
const OUT = [
  ['albert', 'AlbertForMaskedLM', 'albert.encoder.embedding_hidden_mapping_in.weight', /ALBERT shares one layer among all/],
  ['deberta', 'DebertaModel', 'deberta.encoder.rel_embeddings.weight', /DeBERTa attends by relative positions/],
  ['mpnet', 'MPNetModel', 'mpnet.encoder.relative_attention_bias.weight', /MPNet adds a learnt bias by distance to every attention score/],
  ['nomic_bert', 'NomicBertModel', 'encoder.layers.0.attn.Wqkv.weight', /Nomic BERT attends by rotary positions/],
  ['roformer', 'RoFormerModel', 'roformer.embeddings.word_embeddings.weight', /RoFormer attends by rotary positions/],
  ['xlnet', 'XLNetModel', 'transformer.layer.0.rel_attn.q', /XLNet attends by relative positions/],
  ['mobilebert', 'MobileBertModel', 'mobilebert.embeddings.embedding_transformation.weight', /MobileBERT has bottlenecks/],
  ['convbert', 'ConvBertModel', 'convbert.embeddings.word_embeddings.weight', /ConvBERT has convolutions/],
  ['longformer', 'LongformerModel', 'longformer.embeddings.word_embeddings.weight', /Longformer attends within windows/],
  ['gpt2', 'GPT2LMHeadModel', 'transformer.h.0.attn.c_attn.weight', /GPT-2 is a decoder/],
  ['t5', 'T5Model', 'encoder.block.0.layer.0.SelfAttention.q.weight', /T5 is an encoder with a decoder/],
  ['bart', 'BartModel', 'model.decoder.layers.0.encoder_attn.k_proj.weight', /BART is an encoder with a decoder/],
] as const;

describe('families that stay out are refused with the reason, and with what is supported', () => {
  test.each(OUT)('%s', (type, architecture, tensor, reason) => {
    const told = (action: () => unknown): void => {
      expect(action).toThrow(reason);
      expect(action).toThrow(SUPPORTED);
    };
    told(() => parseConfig({ model_type: type }));
    told(() => parseConfig(knownFamily({ architectures: [architecture] })));
    const found = new Map([[tensor, { shape: [4, 4], dtype: 'F32', floating: true }]]);
    for (const family of familyIds()) told(() => mapTensors(parseConfig({ model_type: family }), found));
  });
});

test('what is supported is named', () => {
  for (const family of familyIds()) expect(SUPPORTED).toContain(familyOf(family).label);
});
