import { shownValue } from '../../tensor/shown.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { ModelConfig } from '../config.ts';
import { MOST, type Settings } from '../settings.ts';
import { refusedSetting } from './unsupported.ts';

/** What a family takes for settings that its `config.json` leaves out, as its configuration class in Hugging Face's library does. */
export interface UsualDefaults {
  readonly vocabulary: number;
  readonly hidden: number;
  readonly heads: number;
  readonly inner: number;
  readonly pad: number;
}

/** A width and the number of heads that share it. @throws StudioError if they cannot */
export function widthOfHeads(
  settings: Settings,
  width: string,
  count: string,
  hidden: number,
  most: number,
): { hiddenSize: number; heads: number } {
  const hiddenSize = settings.whole(width, hidden, MOST.width);
  const heads = settings.whole(count, most, MOST.width);
  if (heads < 1 || hiddenSize < 1 || hiddenSize % heads !== 0)
    throw new StudioError('config', `config.json: ${width} ${hiddenSize} must be a positive multiple of ${count} ${heads}.`);
  return { hiddenSize, heads };
}

/** The settings that BERT's configuration and those made after it have by the same names. @throws StudioError for what the forward pass does not do */
export function readUsual(settings: Settings, usual: UsualDefaults): ModelConfig {
  const positions = settings.get('position_embedding_type') ?? 'absolute';
  if (positions !== 'absolute')
    throw refusedSetting('position_embedding_type', '"absolute"', shownValue(positions), 'Relative positions change the attention');
  for (const name of ['is_decoder', 'add_cross_attention', 'is_encoder_decoder'])
    if (settings.get(name) === true) throw refusedSetting(name, 'false', 'true', 'A decoder reads its text from the left alone');
  const hiddenAct = settings.activation('hidden_act', 'gelu');
  const { hiddenSize, heads } = widthOfHeads(settings, 'hidden_size', 'num_attention_heads', usual.hidden, usual.heads);
  const tied = settings.get('tie_word_embeddings') ?? true;
  return {
    vocabSize: settings.whole('vocab_size', usual.vocabulary, MOST.rows),
    hiddenSize,
    layers: settings.whole('num_hidden_layers', 12, MOST.layers),
    heads,
    intermediateSize: settings.whole('intermediate_size', usual.inner, MOST.width),
    hiddenAct,
    maxPositions: settings.whole('max_position_embeddings', 512, MOST.rows),
    typeVocabSize: settings.whole('type_vocab_size', 2, MOST.rows),
    layerNormEps: settings.real('layer_norm_eps', 1e-12),
    padTokenId: settings.whole('pad_token_id', usual.pad, MOST.rows, 0),
    tieWordEmbeddings: tied !== false,
    initializerRange: settings.real('initializer_range', 0.02),
    hiddenDropout: settings.real('hidden_dropout_prob', 0.1),
    attentionDropout: settings.real('attention_probs_dropout_prob', 0.1),
  };
}

/** The keys that Hugging Face's `BertConfig` writes, in its order, behind the architecture and the family. */
export function writeUsual(architecture: string, family: string, config: ModelConfig): Record<string, unknown> {
  return {
    architectures: [architecture],
    model_type: family,
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    intermediate_size: config.intermediateSize,
    hidden_act: config.hiddenAct,
    hidden_dropout_prob: config.hiddenDropout,
    attention_probs_dropout_prob: config.attentionDropout,
    max_position_embeddings: config.maxPositions,
    type_vocab_size: config.typeVocabSize,
    initializer_range: config.initializerRange,
    layer_norm_eps: config.layerNormEps,
    pad_token_id: config.padTokenId,
    position_embedding_type: 'absolute',
    tie_word_embeddings: config.tieWordEmbeddings,
  };
}
