import type { FamilyRole } from '../blueprint.ts';
import type { ModelConfig } from '../config.ts';
import type { Family, ParameterNames } from '../family.ts';
import { MOST, type Settings } from '../settings.ts';
import { both, fullNames, leftOutBy, placeBy, TASK_HEADS, weightNameBy, type CheckpointNames } from './checkpointNames.ts';
import { widthOfHeads } from './usualSettings.ts';

const WORDS = 'distilbert.embeddings.word_embeddings.weight';
const DECODER = 'vocab_projector.weight';
const BIAS = 'vocab_projector.bias';
/** Its code has this number, and its configuration none. */
const EPSILON = 1e-12;

function parameters(role: FamilyRole, layer: number): ParameterNames | undefined {
  const inLayer = (module: string): ParameterNames => both(`distilbert.transformer.layer.${layer}.${module}`);
  switch (role) {
    case 'words':
      return { weight: WORDS };
    case 'positions':
      return { weight: 'distilbert.embeddings.position_embeddings.weight' };
    case 'embeddingNorm':
      return both('distilbert.embeddings.LayerNorm');
    case 'query':
      return inLayer('attention.q_lin');
    case 'key':
      return inLayer('attention.k_lin');
    case 'value':
      return inLayer('attention.v_lin');
    case 'attentionOutput':
      return inLayer('attention.out_lin');
    case 'attentionNorm':
      return inLayer('sa_layer_norm');
    case 'expansion':
      return inLayer('ffn.lin1');
    case 'contraction':
      return inLayer('ffn.lin2');
    case 'outputNorm':
      return inLayer('output_layer_norm');
    case 'transform':
      return both('vocab_transform');
    case 'transformNorm':
      return both('vocab_layer_norm');
    case 'decoder':
      return { weight: DECODER, bias: BIAS };
    case 'segments':
    case 'embeddingProjection':
    case 'gate':
    case 'finalNorm':
      return undefined;
  }
}

function readConfig(settings: Settings): ModelConfig {
  const { hiddenSize, heads } = widthOfHeads(settings, 'dim', 'n_heads', 768, 12);
  return {
    family: 'distilbert',
    vocabSize: settings.whole('vocab_size', 30522, MOST.rows),
    hiddenSize,
    layers: settings.whole('n_layers', 6, MOST.layers),
    heads,
    intermediateSize: settings.whole('hidden_dim', 3072, MOST.width),
    hiddenAct: settings.activation('activation', 'gelu'),
    maxPositions: settings.whole('max_position_embeddings', 512, MOST.rows),
    typeVocabSize: 0,
    layerNormEps: EPSILON,
    padTokenId: settings.whole('pad_token_id', 0, MOST.rows, 0),
    tieWordEmbeddings: settings.get('tie_word_embeddings') !== false,
    initializerRange: settings.real('initializer_range', 0.02),
    hiddenDropout: settings.real('dropout', 0.1),
    attentionDropout: settings.real('attention_dropout', 0.1),
  };
}

/** The keys that Hugging Face's `DistilBertConfig` writes. Sinusoidal positions are a table like any other once they are stored. */
function writeConfig(config: ModelConfig, headless: boolean): Record<string, unknown> {
  return {
    activation: config.hiddenAct,
    architectures: [headless ? 'DistilBertModel' : 'DistilBertForMaskedLM'],
    attention_dropout: config.attentionDropout,
    dim: config.hiddenSize,
    dropout: config.hiddenDropout,
    hidden_dim: config.intermediateSize,
    initializer_range: config.initializerRange,
    max_position_embeddings: config.maxPositions,
    model_type: 'distilbert',
    n_heads: config.heads,
    n_layers: config.layers,
    pad_token_id: config.padTokenId,
    sinusoidal_pos_embds: false,
    tie_word_embeddings: config.tieWordEmbeddings,
    vocab_size: config.vocabSize,
  };
}

const NAMES: CheckpointNames = {
  family: 'a DistilBERT',
  root: 'distilbert.',
  parts: /^(?:embeddings|transformer)\./,
  head: ['vocab_'],
  words: WORDS,
  decoder: DECODER,
  bias: BIAS,
  layer: /^distilbert\.transformer\.layer\.(?<layer>\d+)\./,
  leftOut: [
    ['distilbert.embeddings.position_ids', 'counts the positions; made anew'],
    ['pre_classifier.', 'a part of the classification head'],
    ...TASK_HEADS,
  ],
};

export const distilbert: Family = {
  id: 'distilbert',
  label: 'DistilBERT',
  positionOffset: () => 0,
  parameters,
  readConfig,
  writeConfig,
  ownNames: (config, names) => fullNames(NAMES, config, names),
  leftOut: (name, config) => leftOutBy(NAMES, name, config),
  copies: () => new Map(),
  onnxInputs: { ids: 'input_ids', mask: 'attention_mask' },
  tieSetting: 'tie_word_embeddings',
  place: placeBy(parameters, (layer) => {
    const inLayer = `/distilbert/transformer/layer.${layer}`;
    return {
      mask: '/distilbert',
      embeddings: '/distilbert/embeddings',
      attention: `${inLayer}/attention`,
      attentionSum: inLayer,
      activation: `${inLayer}/ffn/activation`,
      outputSum: `${inLayer}/output`,
      transformActivation: '/activation',
    };
  }),
  weightName: weightNameBy(new Map()),
};
