import type { GeluKind } from '../graph/operation.ts';
import type { NamedTensors } from '../tensor/tensor.ts';
import type { Shape } from '../tensor/shape.ts';
import type { BertConfig } from './config.ts';
import type { EncoderShape } from './encoder.ts';
import { embeddingNames, headNames, layerNames } from './names.ts';

/**
 * A BERT for masked language modelling: configuration and weights under Hugging Face names.
 * A teacher whose checkpoint had no head (`Teacher.head` is `none`) holds the encoder's alone until one is fitted.
 */
export interface BertModel {
  readonly config: BertConfig;
  readonly tensors: NamedTensors;
}

export function encoderShape(config: BertConfig): EncoderShape {
  return {
    layers: config.layers,
    heads: config.heads,
    headSize: config.hiddenSize / config.heads,
    activation: activationOf(config),
    layerNormEps: config.layerNormEps,
  };
}

function activationOf(config: BertConfig): GeluKind {
  if (config.hiddenAct === 'gelu' || config.hiddenAct === 'relu') return config.hiddenAct;
  return 'gelu_tanh';
}

/** The name under which the decoder's weight is found: its own, or the tied word embeddings. */
export function decoderName(config: BertConfig): string {
  return config.tieWordEmbeddings ? embeddingNames.word : headNames.decoder;
}

/** Every parameter that a model of this configuration has, with its shape, in Hugging Face's order. */
export function parameterShapes(config: BertConfig): Map<string, Shape> {
  return new Map([...encoderShapes(config), ...headShapes(config)]);
}

/** Those of embeddings and layers. */
export function encoderShapes(config: BertConfig): Map<string, Shape> {
  const { hiddenSize: d, intermediateSize: f } = config;
  const shapes = new Map<string, Shape>([
    [embeddingNames.word, [config.vocabSize, d]],
    [embeddingNames.position, [config.maxPositions, d]],
    [embeddingNames.type, [config.typeVocabSize, d]],
  ]);
  addDense(shapes, embeddingNames.norm, d);
  for (let layer = 0; layer < config.layers; layer++) {
    const names = layerNames(layer);
    for (const name of [names.query, names.key, names.value, names.attentionOutput]) addDense(shapes, name, d, d);
    addDense(shapes, names.attentionNorm, d);
    addDense(shapes, names.intermediate, f, d);
    addDense(shapes, names.output, d, f);
    addDense(shapes, names.outputNorm, d);
  }
  return shapes;
}

/** Those of the head for masked language modelling; a tied decoder has none of its own. */
export function headShapes(config: BertConfig): Map<string, Shape> {
  const { hiddenSize: d, vocabSize } = config;
  const shapes = new Map<string, Shape>();
  addDense(shapes, headNames.transform, d, d);
  addDense(shapes, headNames.transformNorm, d);
  shapes.set(headNames.bias, [vocabSize]);
  if (!config.tieWordEmbeddings) shapes.set(headNames.decoder, [vocabSize, d]);
  return shapes;
}

function addDense(shapes: Map<string, Shape>, name: string, out: number, into?: number): void {
  shapes.set(`${name}.weight`, into === undefined ? [out] : [out, into]).set(`${name}.bias`, [out]);
}

export function countParameters(config: BertConfig): number {
  let total = 0;
  for (const shape of parameterShapes(config).values()) total += shape.reduce((product, n) => product * n, 1);
  return total;
}
