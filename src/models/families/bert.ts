import { shownName, shownValue } from '../../tensor/shown.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { Role } from '../blueprint.ts';
import type { ModelConfig } from '../config.ts';
import type { Family, LeftOut, ParameterNames, Step } from '../family.ts';
import { MOST, type Settings } from '../settings.ts';
import { foreignNames, refusedSetting, SUPPORTED } from './unsupported.ts';

/** The encoder's parts outside of the layers, and the head's; without `.weight` and `.bias` where a module has both. */
const WORDS = 'bert.embeddings.word_embeddings.weight';
const HEAD = 'cls.predictions';
const HEAD_BIAS = `${HEAD}.bias`;
const DECODER = `${HEAD}.decoder.weight`;
const DECODER_BIAS = `${HEAD}.decoder.bias`;

const both = (module: string): ParameterNames => ({ weight: `${module}.weight`, bias: `${module}.bias` });

function parameters(role: Role, layer: number): ParameterNames {
  const inLayer = (module: string): ParameterNames => both(`bert.encoder.layer.${layer}.${module}`);
  switch (role) {
    case 'words':
      return { weight: WORDS };
    case 'positions':
      return { weight: 'bert.embeddings.position_embeddings.weight' };
    case 'segments':
      return { weight: 'bert.embeddings.token_type_embeddings.weight' };
    case 'embeddingNorm':
      return both('bert.embeddings.LayerNorm');
    case 'query':
    case 'key':
    case 'value':
      return inLayer(`attention.self.${role}`);
    case 'attentionOutput':
      return inLayer('attention.output.dense');
    case 'attentionNorm':
      return inLayer('attention.output.LayerNorm');
    case 'expansion':
      return inLayer('intermediate.dense');
    case 'contraction':
      return inLayer('output.dense');
    case 'outputNorm':
      return inLayer('output.LayerNorm');
    case 'transform':
      return both(`${HEAD}.transform.dense`);
    case 'transformNorm':
      return both(`${HEAD}.transform.LayerNorm`);
    case 'decoder':
      return { weight: DECODER, bias: HEAD_BIAS };
  }
}

/** Nodes stand where PyTorch's exporter puts them: at the module's path. */
function place(step: Role | Step, layer: number): string {
  const inLayer = `/bert/encoder/layer.${layer}`;
  const steps: Readonly<Record<Step, string>> = {
    mask: '/bert',
    embeddings: '/bert/embeddings',
    attention: `${inLayer}/attention/self`,
    attentionSum: `${inLayer}/attention/output`,
    activation: `${inLayer}/intermediate/activation`,
    outputSum: `${inLayer}/output`,
    transformActivation: '/cls/predictions/transform/activation',
  };
  if (isStep(step, steps)) return steps[step];
  const module = parameters(step, layer).weight.replace(/\.weight$/, '');
  return `/${module.replace(/\.(?!\d)/g, '/')}`;
}

function isStep(name: Role | Step, steps: Readonly<Record<Step, string>>): name is Step {
  return Object.hasOwn(steps, name);
}

function readConfig(settings: Settings): ModelConfig {
  const positions = settings.get('position_embedding_type') ?? 'absolute';
  if (positions !== 'absolute')
    throw refusedSetting('position_embedding_type', '"absolute"', shownValue(positions), 'Relative positions change the attention');
  for (const name of ['is_decoder', 'add_cross_attention', 'is_encoder_decoder'])
    if (settings.get(name) === true) throw refusedSetting(name, 'false', 'true', 'A decoder reads its text from the left alone');
  const hiddenAct = settings.activation('hidden_act', 'gelu');
  const hiddenSize = settings.whole('hidden_size', 768, MOST.width);
  const heads = settings.whole('num_attention_heads', 12, MOST.width);
  if (heads < 1 || hiddenSize < 1 || hiddenSize % heads !== 0)
    throw new StudioError('config', `config.json: hidden_size ${hiddenSize} must be a positive multiple of num_attention_heads ${heads}.`);
  const tied = settings.get('tie_word_embeddings') ?? true;
  return {
    vocabSize: settings.whole('vocab_size', 30522, MOST.rows),
    hiddenSize,
    layers: settings.whole('num_hidden_layers', 12, MOST.layers),
    heads,
    intermediateSize: settings.whole('intermediate_size', 3072, MOST.width),
    hiddenAct,
    maxPositions: settings.whole('max_position_embeddings', 512, MOST.rows),
    typeVocabSize: settings.whole('type_vocab_size', 2, MOST.rows),
    layerNormEps: settings.real('layer_norm_eps', 1e-12),
    padTokenId: settings.whole('pad_token_id', 0, MOST.rows, 0),
    tieWordEmbeddings: tied !== false,
    initializerRange: settings.real('initializer_range', 0.02),
    hiddenDropout: settings.real('hidden_dropout_prob', 0.1),
    attentionDropout: settings.real('attention_probs_dropout_prob', 0.1),
  };
}

/** The keys that Hugging Face's `BertConfig` writes, in its order. */
function writeConfig(config: ModelConfig, headless: boolean): Record<string, unknown> {
  return {
    architectures: [headless ? 'BertModel' : 'BertForMaskedLM'],
    model_type: 'bert',
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

/** Tables that every BERT has; a tied one may be stored under the decoder's name. */
const ANCHOR = /^(?<prefix>(?:.*\.)?)embeddings\.(?:word|position|token_type)_embeddings\.weight$/;

/** Parts that are left out, by how their full names begin: why, and the sentence that the user reads. */
const LEFT_OUT: readonly (readonly [prefix: string, why: string, note?: string])[] = [
  ['bert.embeddings.position_ids', 'counts the positions; made anew'],
  ['bert.embeddings.token_type_ids', 'a buffer of zeros; made anew'],
  ['bert.pooler.', 'pooler: masked language modelling does not use it'],
  ['cls.seq_relationship.', 'next-sentence head: masked language modelling does not use it'],
  [
    'qa_outputs.',
    'question-answering head: not carried over',
    'The question-answering head is not carried over: the encoder alone is the teacher.',
  ],
  [
    'classifier.',
    'classification or tagging head: not carried over',
    'The classification or tagging head is not carried over: the encoder alone is the teacher.',
  ],
];

/** Reads `gamma`/`beta`, names without `bert.` or behind a wrapper's prefix, and `decoder.bias` for the output bias. */
function ownNames(config: ModelConfig, names: readonly string[]): Map<string, string> {
  const prefix = prefixOf(names);
  const full = new Map(names.map((name) => [name, fullName(name, prefix)]));
  const said = new Set(full.values());
  // Whoever stores a shared tensor once keeps one of its names, not always the one that Hugging Face keeps.
  const other = new Map<string, string>();
  if (!said.has(HEAD_BIAS)) other.set(DECODER_BIAS, HEAD_BIAS);
  if (config.tieWordEmbeddings && !said.has(WORDS)) other.set(DECODER, WORDS);
  return new Map([...full].map(([name, own]) => [name, other.get(own) ?? own]));
}

function modern(name: string): string {
  return name.replace(/LayerNorm\.gamma$/, 'LayerNorm.weight').replace(/LayerNorm\.beta$/, 'LayerNorm.bias');
}

/** What stands before `embeddings.word_embeddings.weight`: `bert.`, nothing, or what a wrapper put there. */
function prefixOf(names: readonly string[]): string {
  const foreign = foreignNames(names);
  if (foreign !== undefined)
    throw new StudioError('checkpoint', `teacher: expected tensors of a BERT, got others. ${foreign}. ${SUPPORTED}`);
  const prefixes = new Set(names.flatMap((name) => ANCHOR.exec(name)?.groups?.['prefix'] ?? []));
  const [first] = prefixes;
  const usual = ['bert.', ''].find((one) => prefixes.has(one));
  const prefix = usual ?? (prefixes.size === 1 ? first : undefined);
  if (prefix !== undefined) return prefix;
  if (prefixes.size > 1)
    throw new StudioError(
      'checkpoint',
      `teacher: expected one encoder, got ${prefixes.size}: ${[...prefixes].slice(0, 4).map(shownName).join(', ')}. Save the one that you want.`,
    );
  const some = names.slice(0, 3).map(shownName).join(', ');
  throw new StudioError(
    'checkpoint',
    `teacher: ${WORDS.replace('bert.', '')} — expected among the tensors, got ${some || 'none'}. ${SUPPORTED}`,
    { missing: [WORDS] },
  );
}

/** Hugging Face's name of a tensor in a BERT with a head. */
function fullName(name: string, prefix: string): string {
  const given = modern(name);
  if (given.startsWith(prefix)) {
    const rest = given.slice(prefix.length);
    if (/^(?:embeddings|encoder|pooler)\./.test(rest)) return `bert.${rest}`;
  }
  const wrapper = prefix.replace(/bert\.$/, '');
  return given.startsWith(wrapper) ? given.slice(wrapper.length) : given;
}

function leftOut(name: string, config: ModelConfig): LeftOut {
  if (name === DECODER) return { why: 'the decoder is tied to the word embeddings', of: WORDS };
  if (name === DECODER_BIAS) return { why: `the same as ${HEAD_BIAS}`, of: HEAD_BIAS };
  for (const [prefix, why, note] of LEFT_OUT) if (name.startsWith(prefix)) return note === undefined ? { why } : { why, note };
  const layer = /^bert\.encoder\.layer\.(?<layer>\d+)\./.exec(name)?.groups?.['layer'];
  if (layer !== undefined && Number(layer) >= config.layers)
    throw new StudioError(
      'checkpoint',
      `teacher: ${shownName(name)} — expected layers 0 to ${config.layers - 1} from config.json, got layer ${layer}. Config and weights are from different models.`,
      { tensor: shownName(name) },
    );
  // Left out, such a part would give a model with other numbers.
  if (name.startsWith('bert.') || name.startsWith(`${HEAD}.`)) {
    const reason = name.includes('distance_embedding')
      ? 'It attends by relative positions. '
      : name.includes('crossattention')
        ? 'It is a decoder. '
        : '';
    throw new StudioError('checkpoint', `teacher: ${shownName(name)} — expected no such tensor in a BERT, got one. ${reason}${SUPPORTED}`, {
      tensor: shownName(name),
    });
  }
  return { why: 'not a part of the encoder' };
}

function weightName(names: readonly string[], biases: readonly string[]): string | undefined {
  const own = names.find((name) => name.endsWith('.weight'));
  const bias = biases.find((name) => name.endsWith('.bias'));
  return own ?? bias?.replace(/predictions\.bias$/, 'predictions.decoder.bias').replace(/\.bias$/, '.weight');
}

export const bert: Family = {
  id: 'bert',
  label: 'BERT',
  absent: [],
  positionOffset: 0,
  parameters,
  readConfig,
  writeConfig,
  ownNames,
  leftOut,
  // Without it transformers 5 loads zeros for an untied decoder's bias.
  copies: ({ tieWordEmbeddings }) => new Map(tieWordEmbeddings ? [] : [[DECODER_BIAS, HEAD_BIAS]]),
  onnxInputs: { ids: 'input_ids', mask: 'attention_mask', segments: 'token_type_ids' },
  tieSetting: 'tie_word_embeddings',
  place,
  weightName,
};
