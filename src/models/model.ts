import type { GeluKind } from '../graph/operation.ts';
import type { NamedTensors } from '../tensor/tensor.ts';
import { sizeOf, type Shape } from '../tensor/shape.ts';
import { blueprintOf, moduleShapes, parameterNames, spaceWidths, type Module } from './blueprint.ts';
import type { ModelConfig } from './config.ts';
import type { EncoderShape } from './encoder.ts';
import { familyOf } from './families/registry.ts';

/**
 * A model for masked language modelling: configuration and weights under its family's full names.
 * A teacher whose checkpoint had no head (`Teacher.head` is `none`) holds the encoder's alone until one is fitted.
 */
export interface BertModel {
  readonly config: ModelConfig;
  readonly tensors: NamedTensors;
}

export function encoderShape(config: ModelConfig): EncoderShape {
  return {
    blueprint: blueprintOf(config),
    layers: config.layers,
    heads: config.heads,
    headSize: config.hiddenSize / config.heads,
    activation: activationOf(config),
    layerNormEps: config.layerNormEps,
    ...(config.sentence === undefined ? {} : { sentence: config.sentence }),
    ...(config.rotary === undefined ? {} : { rotary: config.rotary }),
  };
}

function activationOf(config: ModelConfig): GeluKind {
  if (config.hiddenAct === 'gelu' || config.hiddenAct === 'relu') return config.hiddenAct;
  return 'gelu_tanh';
}

/** The name under which the decoder's weight is found: its own, or the tied word embeddings. */
export function decoderName(config: ModelConfig): string {
  return blueprintOf(config).module(config.tieWordEmbeddings ? 'words' : 'decoder').weight;
}

/** Whether a model has a head for masked language modelling, or is an encoder alone. */
export function hasHead({ config, tensors }: BertModel): boolean {
  const transform = blueprintOf(config).find('transform');
  return transform !== undefined && tensors.has(transform.weight);
}

/** The longest sequence that has a row of the position table for every token. */
export function longestSequence(config: ModelConfig): number {
  return config.maxPositions - blueprintOf(config).positionOffset;
}

/** Segments that a text may have: 1 if the family's inputs do not say which a token is of. */
export function segmentsGiven(config: ModelConfig): number {
  return familyOf(config.family).onnxInputs.segments === undefined ? 1 : config.typeVocabSize;
}

/** Every parameter that a model of this configuration has, with its shape, in its checkpoint's order. */
export function parameterShapes(config: ModelConfig): Map<string, Shape> {
  return new Map([...encoderShapes(config), ...headShapes(config)]);
}

/** Those of embeddings and layers. */
export function encoderShapes(config: ModelConfig): Map<string, Shape> {
  return shapesOf(config, ({ part }) => part !== 'head');
}

/** Those of the head: for masked language modelling, whose tied decoder has no weight of its own, or the layer behind pooling. */
export function headShapes(config: ModelConfig): Map<string, Shape> {
  const shapes = shapesOf(config, ({ part }) => part === 'head');
  const decoder = blueprintOf(config).find('decoder');
  if (decoder !== undefined && config.tieWordEmbeddings) shapes.delete(decoder.weight);
  return shapes;
}

function shapesOf(config: ModelConfig, wanted: (module: Module) => boolean): Map<string, Shape> {
  const widths = spaceWidths(config);
  return new Map(
    blueprintOf(config)
      .modules.filter(wanted)
      .flatMap((module) => moduleShapes(module, widths)),
  );
}

export function countParameters(config: ModelConfig): number {
  let total = 0;
  for (const shape of parameterShapes(config).values()) total += sizeOf(shape);
  return total;
}

/** Names of the tensors that have a row for every token of the vocabulary: the table of words, and weight and bias of a decoder. */
export function vocabularyTensors(config: ModelConfig): string[] {
  const blueprint = blueprintOf(config);
  const decoder = blueprint.find('decoder');
  const names = [blueprint.module('words'), ...(decoder === undefined ? [] : [decoder])].flatMap(parameterNames);
  const shapes = parameterShapes(config);
  return names.filter((name) => shapes.has(name));
}

/** Parameters of {@link vocabularyTensors}. */
export function countVocabulary(config: ModelConfig): number {
  const shapes = parameterShapes(config);
  return vocabularyTensors(config).reduce((sum, name) => sum + sizeOf(shapes.get(name) ?? [0]), 0);
}
