import { shownValue } from '../tensor/shown.ts';
import { StudioError } from '../tensor/studioError.ts';
import { checkFamily } from './families.ts';

/** Activations that the engines have, by the names of Hugging Face's `hidden_act`. */
export type HiddenActivation = 'gelu' | 'gelu_new' | 'gelu_pytorch_tanh' | 'relu';

const ACTIVATIONS: readonly string[] = ['gelu', 'gelu_new', 'gelu_pytorch_tanh', 'relu'] satisfies HiddenActivation[];

/** Far beyond any BERT: a hostile file must not ask for more names and numbers than memory holds. */
const MOST = { layers: 1000, width: 2 ** 17, rows: 2 ** 24 } as const;

/** A BERT's `config.json`, checked. */
export interface BertConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly intermediateSize: number;
  readonly hiddenAct: HiddenActivation;
  readonly maxPositions: number;
  readonly typeVocabSize: number;
  readonly layerNormEps: number;
  readonly padTokenId: number;
  readonly tieWordEmbeddings: boolean;
  readonly initializerRange: number;
  readonly hiddenDropout: number;
  readonly attentionDropout: number;
}

/**
 * Reads a parsed `config.json`; what is absent takes Hugging Face's default.
 * @throws StudioError for another model family, relative positions, an unknown activation, or a value of the wrong kind
 */
export function parseConfig(json: unknown): BertConfig {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new StudioError('config', 'config.json: expected an object of settings. Take the file that came with the checkpoint.');
  const settings = new Map<string, unknown>(Object.entries(json));
  const whole = (name: string, otherwise: number, most: number, least = 1): number => {
    const value = settings.get(name) ?? otherwise;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most)
      throw new StudioError('config', `config.json: ${name} — expected a whole number from ${least} to ${most}, got ${shownValue(value)}.`);
    return value;
  };
  const real = (name: string, otherwise: number): number => {
    const value = settings.get(name) ?? otherwise;
    if (typeof value !== 'number' || !Number.isFinite(value))
      throw new StudioError('config', `config.json: ${name} — expected a number, got ${shownValue(value)}.`);
    return value;
  };
  checkFamily(settings);
  const hiddenAct = settings.get('hidden_act') ?? 'gelu';
  if (!isActivation(hiddenAct))
    throw new StudioError('config', `config.json: hidden_act — expected one of ${ACTIVATIONS.join(', ')}, got ${shownValue(hiddenAct)}.`);
  const hiddenSize = whole('hidden_size', 768, MOST.width);
  const heads = whole('num_attention_heads', 12, MOST.width);
  if (heads < 1 || hiddenSize < 1 || hiddenSize % heads !== 0)
    throw new StudioError('config', `config.json: hidden_size ${hiddenSize} must be a positive multiple of num_attention_heads ${heads}.`);
  const tied = settings.get('tie_word_embeddings') ?? true;
  return {
    vocabSize: whole('vocab_size', 30522, MOST.rows),
    hiddenSize,
    layers: whole('num_hidden_layers', 12, MOST.layers),
    heads,
    intermediateSize: whole('intermediate_size', 3072, MOST.width),
    hiddenAct,
    maxPositions: whole('max_position_embeddings', 512, MOST.rows),
    typeVocabSize: whole('type_vocab_size', 2, MOST.rows),
    layerNormEps: real('layer_norm_eps', 1e-12),
    padTokenId: whole('pad_token_id', 0, MOST.rows, 0),
    tieWordEmbeddings: tied !== false,
    initializerRange: real('initializer_range', 0.02),
    hiddenDropout: real('hidden_dropout_prob', 0.1),
    attentionDropout: real('attention_probs_dropout_prob', 0.1),
  };
}

function isActivation(value: unknown): value is HiddenActivation {
  return typeof value === 'string' && ACTIVATIONS.includes(value);
}

/** The keys that Hugging Face's `BertConfig` writes, in its order. */
export function configToJson(config: BertConfig): Record<string, unknown> {
  return {
    architectures: ['BertForMaskedLM'],
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
