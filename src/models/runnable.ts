import type { Graph } from '../graph/graph.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { Shape } from '../tensor/shape.ts';
import type { NamedTensors } from '../tensor/tensor.ts';
import { bertEncoder, type EncoderInputs, type EncoderResult, type ParameterLookup } from './encoder.ts';
import { maskedModel, type MaskedInputs, type MaskedModel } from './masked.ts';
import { decoderName, encoderShape, parameterShapes, type BertModel } from './model.ts';

/** A masked-language model in whatever form it is trained: how it is laid into a graph, and the numbers of its states. */
export interface Runnable {
  /** Runnables of one key lay the same graph; only their tensors differ. */
  readonly key: string;
  readonly layers: number;
  readonly heads: number;
  /** By the names of the states that `lay` declares. */
  readonly tensors: NamedTensors;
  lay(graph: Graph, inputs: MaskedInputs): MaskedModel;
  layEncoder(graph: Graph, inputs: EncoderInputs): EncoderResult;
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
  const shape = encoderShape(config);
  return {
    key: `plain ${JSON.stringify(config)}`,
    layers: config.layers,
    heads: config.heads,
    tensors,
    lay: (graph, inputs) => {
      const parameter = statesOf(graph, shapes, true);
      return maskedModel(graph, shape, parameter, inputs, parameter(decoderName(config)));
    },
    layEncoder: (graph, inputs) => bertEncoder(graph, shape, statesOf(graph, shapes, true), inputs),
  };
}
