import type { Graph } from '../graph/graph.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { Shape } from '../tensor/shape.ts';
import type { NamedTensors } from '../tensor/tensor.ts';
import type { Value } from '../graph/value.ts';
import { blueprintOf, type Blueprint } from './blueprint.ts';
import type { BertConfig } from './config.ts';
import {
  bertEncoder,
  mlmHead,
  type EncoderInputs,
  type EncoderOptions,
  type EncoderResult,
  type EncoderShape,
  type HeadResult,
  type ParameterLookup,
} from './encoder.ts';
import { sentenceLayers, type SentenceLayers } from './sentenceLayers.ts';
import { decoderName, encoderShape, parameterShapes, type BertModel } from './model.ts';

/** A model whose parameters are declared in a graph: its passes can be added, as often as they are needed. */
export interface LaidModel {
  encoder(inputs: EncoderInputs): EncoderResult;
  /** @param rows hidden states that the head answers for, [M, d] */
  head(rows: Value): HeadResult;
  /** Given if the model is for sentence vectors, and so has no head. */
  readonly sentences: SentenceLayers | undefined;
}

/**
 * A model of these parameters.
 * @param decoder name of the decoder's table
 */
export function laidModel(
  graph: Graph,
  shape: EncoderShape,
  parameter: ParameterLookup,
  decoder: string,
  options: EncoderOptions = {},
): LaidModel {
  return {
    encoder: (inputs) => bertEncoder(graph, shape, parameter, inputs, options),
    head: (rows) => mlmHead(graph, shape, parameter, rows, parameter(decoder), options),
    sentences: sentenceLayers(graph, shape, parameter),
  };
}

/** The same, of an ordinary model of this configuration. */
export function laidAs(graph: Graph, config: BertConfig, parameter: ParameterLookup, options: EncoderOptions = {}): LaidModel {
  return laidModel(graph, encoderShape(config), parameter, decoderName(config), options);
}

/** A model in whatever form it is trained: how it is laid into a graph, and the numbers of its states. */
export interface Runnable {
  /** Runnables of one key lay the same graph; only their tensors differ. */
  readonly key: string;
  readonly blueprint: Blueprint;
  readonly layers: number;
  readonly heads: number;
  /** By the names of the states that `lay` declares. */
  readonly tensors: NamedTensors;
  lay(graph: Graph): LaidModel;
}

/**
 * States declared when they are first asked for, so that a graph holds only what it reads.
 * @param frozen whether the graph only reads them, and they may be rounded ({@link Graph.frozen})
 */
export function statesOf(graph: Graph, shapes: ReadonlyMap<string, Shape>, frozen = false): ParameterLookup {
  return (name) => {
    const known = graph.states.get(name);
    if (known !== undefined) return known;
    const shape = shapes.get(name);
    if (shape === undefined) throw new StudioError('graph', `model: there is no parameter ${name}.`);
    return frozen ? graph.frozen(name, shape) : graph.state(name, shape);
  };
}

/** A plain model as a runnable; a runnable as it is. */
export function asRunnable(model: BertModel | Runnable): Runnable {
  return 'lay' in model ? model : plainRunnable(model);
}

/** An ordinary BERT as it is. */
export function plainRunnable({ config, tensors }: BertModel): Runnable {
  const shapes = parameterShapes(config);
  return {
    key: `plain ${JSON.stringify(config)}`,
    blueprint: blueprintOf(config),
    layers: config.layers,
    heads: config.heads,
    tensors,
    lay: (graph) => laidAs(graph, config, statesOf(graph, shapes, true)),
  };
}
