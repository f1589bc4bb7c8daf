import { shownValue } from '../../tensor/shown.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { FamilyRole } from '../blueprint.ts';
import type { ModelConfig, Rotary } from '../config.ts';
import type { Family, PackedTensor, ParameterNames } from '../family.ts';
import { MOST, type Settings } from '../settings.ts';
import { fullNames, leftOutBy, placeBy, TASK_HEADS, weightNameBy, type CheckpointNames } from './checkpointNames.ts';
import { refusedSetting } from './unsupported.ts';
import { widthOfHeads } from './usualSettings.ts';

const WORDS = 'model.embeddings.tok_embeddings.weight';
const DECODER = 'decoder.weight';
const BIAS = 'decoder.bias';
const GLOBAL = 'full_attention';
const LOCAL = 'sliding_attention';

const inLayer = (layer: number, module: string): string => `model.layers.${layer}.${module}`;

/** Nothing but the decoder has a bias. Query, key and value, and activation and gate, share a tensor in checkpoints ({@link packed}). */
function parameters(role: FamilyRole, layer: number): ParameterNames | undefined {
  const alone = (module: string): ParameterNames => ({ weight: `${module}.weight` });
  switch (role) {
    case 'words':
      return { weight: WORDS };
    case 'embeddingNorm':
      return alone('model.embeddings.norm');
    case 'attentionNorm':
      // The embeddings are normalised already.
      return layer === 0 ? undefined : alone(inLayer(layer, 'attn_norm'));
    case 'query':
      return alone(inLayer(layer, 'attn.Wq'));
    case 'key':
      return alone(inLayer(layer, 'attn.Wk'));
    case 'value':
      return alone(inLayer(layer, 'attn.Wv'));
    case 'attentionOutput':
      return alone(inLayer(layer, 'attn.Wo'));
    case 'outputNorm':
      return alone(inLayer(layer, 'mlp_norm'));
    case 'expansion':
      return alone(inLayer(layer, 'mlp.Wi_active'));
    case 'gate':
      return alone(inLayer(layer, 'mlp.Wi_gate'));
    case 'contraction':
      return alone(inLayer(layer, 'mlp.Wo'));
    case 'finalNorm':
      return alone('model.final_norm');
    case 'transform':
      return alone('head.dense');
    case 'transformNorm':
      return alone('head.norm');
    case 'decoder':
      return { weight: DECODER, bias: BIAS };
    case 'positions':
    case 'segments':
    case 'embeddingProjection':
      return undefined;
  }
}

function packed({ layers }: ModelConfig): PackedTensor[] {
  return Array.from({ length: layers }, (_, layer) => layer).flatMap((layer) => [
    {
      name: inLayer(layer, 'attn.Wqkv.weight'),
      parts: ['attn.Wq.weight', 'attn.Wk.weight', 'attn.Wv.weight'].map((part) => inLayer(layer, part)),
    },
    { name: inLayer(layer, 'mlp.Wi.weight'), parts: ['mlp.Wi_active.weight', 'mlp.Wi_gate.weight'].map((part) => inLayer(layer, part)) },
  ]);
}

/** Settings that may be true or false in a `config.json`, and whose other value adds or takes biases. */
const BIASES: readonly (readonly [setting: string, usual: boolean])[] = [
  ['norm_bias', false],
  ['attention_bias', false],
  ['mlp_bias', false],
  ['classifier_bias', false],
  ['decoder_bias', true],
];

function readConfig(settings: Settings): ModelConfig {
  for (const [setting, usual] of BIASES) {
    const found = settings.get(setting) ?? usual;
    if (found !== usual)
      throw refusedSetting(setting, String(usual), shownValue(found), 'ModernBERT is supported with the biases that it was published with');
  }
  const { hiddenSize, heads } = widthOfHeads(settings, 'hidden_size', 'num_attention_heads', 768, 12);
  if ((hiddenSize / heads) % 2 !== 0)
    throw new StudioError(
      'config',
      `config.json: hidden_size / num_attention_heads — expected an even head size, got ${hiddenSize / heads}. Rotary positions turn dimensions in pairs: take the config.json that came with the checkpoint.`,
    );
  const hiddenAct = settings.activation('hidden_activation', 'gelu');
  const headAct = settings.activation('classifier_activation', 'gelu');
  if (headAct !== hiddenAct)
    throw refusedSetting(
      'classifier_activation',
      `"${hiddenAct}", as hidden_activation`,
      `"${headAct}"`,
      'Layers and head are supported with one activation',
    );
  const layers = settings.whole('num_hidden_layers', 22, MOST.layers);
  return {
    family: 'modernbert',
    vocabSize: settings.whole('vocab_size', 50368, MOST.rows),
    hiddenSize,
    layers,
    heads,
    intermediateSize: settings.whole('intermediate_size', 1152, MOST.width),
    hiddenAct,
    maxPositions: settings.whole('max_position_embeddings', 8192, MOST.rows),
    typeVocabSize: 0,
    layerNormEps: settings.real('norm_eps', 1e-5),
    padTokenId: settings.whole('pad_token_id', 50283, MOST.rows, 0),
    tieWordEmbeddings: settings.get('tie_word_embeddings') !== false,
    initializerRange: settings.real('initializer_range', 0.02),
    hiddenDropout: settings.real('mlp_dropout', 0),
    attentionDropout: settings.real('attention_dropout', 0),
    rotary: rotaryOf(settings, layers),
  };
}

function rotaryOf(settings: Settings, layers: number): Rotary {
  return {
    local: localLayers(settings, layers),
    window: Math.floor(settings.whole('local_attention', 128, MOST.rows, 0) / 2),
    bases: {
      local: baseOf(settings, LOCAL, 'local_rope_theta', 10_000),
      global: baseOf(settings, GLOBAL, 'global_rope_theta', 160_000),
    },
  };
}

/** Said layer by layer since transformers 5, and by every how many layers one is global before. */
function localLayers(settings: Settings, layers: number): boolean[] {
  const types = settings.get('layer_types');
  if (types === undefined || types === null) {
    const every = settings.whole('global_attn_every_n_layers', 3, MOST.layers);
    return Array.from({ length: layers }, (_, layer) => layer % every !== 0);
  }
  if (!Array.isArray(types) || types.length !== layers || types.some((type) => type !== GLOBAL && type !== LOCAL))
    throw new StudioError(
      'config',
      `config.json: layer_types — expected ${layers} of "${GLOBAL}" and "${LOCAL}", got ${shownValue(types)}. Take the config.json that came with the checkpoint.`,
    );
  return types.map((type) => type === LOCAL);
}

/** The base of one kind of layers, from `rope_parameters` of transformers 5 or from the field before it. */
function baseOf(settings: Settings, kind: string, before: string, usual: number): number {
  if ((settings.get('rope_scaling') ?? undefined) !== undefined)
    throw refusedSetting('rope_scaling', 'nothing', shownValue(settings.get('rope_scaling')), 'Rotary positions are supported unscaled');
  const all = settings.get('rope_parameters');
  const found: unknown = typeof all === 'object' && all !== null ? Reflect.get(all, kind) : undefined;
  if (typeof found !== 'object' || found === null) return positive(before, settings.real(before, usual));
  const of = (field: string): unknown => Reflect.get(found, field);
  const type = of('rope_type') ?? 'default';
  if (type !== 'default')
    throw refusedSetting(`rope_parameters.${kind}.rope_type`, '"default"', shownValue(type), 'Rotary positions are supported unscaled');
  if ((of('partial_rotary_factor') ?? 1) !== 1)
    throw refusedSetting(
      `rope_parameters.${kind}.partial_rotary_factor`,
      '1',
      shownValue(of('partial_rotary_factor')),
      'All dimensions of a head are turned',
    );
  return positive(`rope_parameters.${kind}.rope_theta`, of('rope_theta') ?? settings.real(before, usual));
}

function positive(setting: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0)
    throw new StudioError('config', `config.json: ${setting} — expected a positive number, got ${shownValue(value)}.`);
  return value;
}

/** The keys that Hugging Face's `ModernBertConfig` writes, and those that it read before transformers 5. */
function writeConfig(config: ModelConfig, headless: boolean): Record<string, unknown> {
  const { local, window, bases } = config.rotary ?? { local: [], window: 64, bases: { local: 10_000, global: 160_000 } };
  const second = local.indexOf(false, 1);
  const every = second < 0 ? Math.max(1, config.layers) : second;
  const regular = local.every((is, layer) => is === (layer % every !== 0));
  return {
    architectures: [headless ? 'ModernBertModel' : 'ModernBertForMaskedLM'],
    model_type: 'modernbert',
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    intermediate_size: config.intermediateSize,
    hidden_activation: config.hiddenAct,
    classifier_activation: config.hiddenAct,
    max_position_embeddings: config.maxPositions,
    norm_eps: config.layerNormEps,
    initializer_range: config.initializerRange,
    mlp_dropout: config.hiddenDropout,
    attention_dropout: config.attentionDropout,
    ...Object.fromEntries(BIASES),
    local_attention: 2 * window,
    layer_types: local.map((is) => (is ? LOCAL : GLOBAL)),
    rope_parameters: {
      [GLOBAL]: { rope_type: 'default', rope_theta: bases.global },
      [LOCAL]: { rope_type: 'default', rope_theta: bases.local },
    },
    // Libraries before transformers 5, which know layers by their number alone.
    ...(regular ? { global_attn_every_n_layers: every } : {}),
    global_rope_theta: bases.global,
    local_rope_theta: bases.local,
    pad_token_id: config.padTokenId,
    tie_word_embeddings: config.tieWordEmbeddings,
  };
}

const NAMES: CheckpointNames = {
  family: 'a ModernBERT',
  root: 'model.',
  parts: /^(?:embeddings|layers|final_norm)\./,
  head: ['head.', 'decoder.'],
  words: WORDS,
  decoder: DECODER,
  bias: BIAS,
  layer: /^model\.layers\.(?<layer>\d+)\./,
  leftOut: TASK_HEADS,
};

/** Rotary positions, layers that see the tokens around each, a gated FFN, norms before attention and FFN, no biases. */
export const modernbert: Family = {
  id: 'modernbert',
  label: 'ModernBERT',
  normsFirst: true,
  positionOffset: () => 0,
  parameters,
  readConfig,
  writeConfig,
  ownNames: (config, names) => fullNames(NAMES, config, names),
  leftOut: (name, config) => leftOutBy(NAMES, name, config),
  copies: () => new Map(),
  packed,
  onnxInputs: { ids: 'input_ids', mask: 'attention_mask' },
  tieSetting: 'tie_word_embeddings',
  place: placeBy(parameters, (layer) => ({
    mask: '/model',
    embeddings: '/model/embeddings',
    attention: `/model/layers.${layer}/attn`,
    attentionSum: `/model/layers.${layer}`,
    activation: `/model/layers.${layer}/mlp/act`,
    outputSum: `/model/layers.${layer}/mlp`,
    transformActivation: '/head/act',
  })),
  weightName: weightNameBy(new Map()),
};
