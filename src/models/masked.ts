import type { Graph } from '../graph/graph.ts';
import { reduceSum } from '../graph/ops/elementwise.ts';
import { crossEntropy } from '../graph/ops/loss.ts';
import { gatherRows } from '../graph/ops/rows.ts';
import type { Value } from '../graph/value.ts';
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

/** Sizes of a masked-language-model batch: B sequences of T tokens, M slots for predicted tokens. */
export interface BatchShape {
  readonly batch: number;
  readonly sequence: number;
  readonly slots: number;
}

export interface MaskedInputs extends EncoderInputs {
  /** [M], row of B T of every predicted token; -1 = unused. */
  readonly positions: Value;
  /** [M], the right token; -1 = unused. */
  readonly labels: Value;
}

/** Name of a micro-batch's input; the first one's are plain. */
export function partName(name: string, part: number): string {
  return part === 0 ? name : `${name}.${part}`;
}

/**
 * Declares the inputs of a masked batch; their names are what the host writes.
 * @param part number of the micro-batch; later ones share the position and segment ids of the first
 */
export function maskedInputs(graph: Graph, shape: BatchShape, part = 0): MaskedInputs {
  const tokens = shape.batch * shape.sequence;
  const shared = (name: string): Value => graph.inputs.get(name) ?? graph.input(name, [tokens], 'i32');
  return {
    batch: shape.batch,
    sequence: shape.sequence,
    inputIds: graph.input(partName('inputIds', part), [tokens], 'i32'),
    positionIds: shared('positionIds'),
    typeIds: shared('typeIds'),
    mask: graph.input(partName('mask', part), [shape.batch, shape.sequence]),
    positions: graph.input(partName('positions', part), [shape.slots], 'i32'),
    labels: graph.input(partName('labels', part), [shape.slots], 'i32'),
  };
}

/** 0, 1, .. T-1 for every sequence. */
export function positionIds(shape: { batch: number; sequence: number }): Int32Array {
  return Int32Array.from({ length: shape.batch * shape.sequence }, (_, i) => i % shape.sequence);
}

export interface MaskedModel {
  readonly encoder: EncoderResult;
  readonly head: HeadResult;
  /** Cross-entropy of every slot, [M]. */
  readonly rows: Value;
  /** Their sum, [1]. */
  readonly lossSum: Value;
}

/** Encoder, head and loss over the predicted positions only. */
export function maskedModel(
  graph: Graph,
  shape: EncoderShape,
  parameter: ParameterLookup,
  inputs: MaskedInputs,
  decoder: Value,
  options: EncoderOptions = {},
): MaskedModel {
  const encoder = bertEncoder(graph, shape, parameter, inputs, options);
  const head = mlmHead(graph, shape, parameter, gatherRows(graph, encoder.hidden, inputs.positions), decoder, options);
  const rows = crossEntropy(graph, head.logits, inputs.labels);
  return { encoder, head, rows, lossSum: reduceSum(graph, rows) };
}
