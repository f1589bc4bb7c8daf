import type { Graph } from '../graph/graph.ts';
import { gelu } from '../graph/ops/elementwise.ts';
import { add } from '../graph/ops/layout.ts';
import { layerNorm } from '../graph/ops/layerNorm.ts';
import { linear, matmul } from '../graph/ops/matmul.ts';
import { gatherRows } from '../graph/ops/rows.ts';
import { softmax } from '../graph/ops/softmax.ts';
import { mergeHeads, reshape, splitHeads, transpose } from '../graph/ops/view.ts';
import type { GeluKind } from '../graph/operation.ts';
import type { Value } from '../graph/value.ts';
import { embeddingNames, headNames, layerNames } from './names.ts';

/** What the forward pass must know of a BERT, teacher or student. */
export interface EncoderShape {
  readonly layers: number;
  readonly heads: number;
  readonly headSize: number;
  readonly activation: GeluKind;
  readonly layerNormEps: number;
}

/** B sequences of T tokens, flat. */
export interface EncoderInputs {
  readonly batch: number;
  readonly sequence: number;
  /** [B T], i32. */
  readonly inputIds: Value;
  /** [B T], i32. */
  readonly positionIds: Value;
  /** [B T], i32. */
  readonly typeIds: Value;
  /** [B, T], 0 for tokens and a large negative number for padding. */
  readonly mask: Value;
}

/** Parameters by Hugging Face name, as graph values. */
export type ParameterLookup = (name: string) => Value;

export interface EncoderOptions {
  /** Applied to the sum of the raw embeddings, [d, d'], where the tables are not merged. */
  readonly embeddingCompactor?: Value;
  /** Takes the place of x W^T + b for the layer of this name, the decoder among them; undefined = as usual. */
  readonly dense?: (name: string, x: Value) => Value | undefined;
  /** Takes the place of the LayerNorm of this name. */
  readonly norm?: (name: string, x: Value) => Value;
  /** Changes what a space of the model holds, as gates do: `embeddings`, or a layer's name for what it writes. */
  readonly written?: (name: string, x: Value) => Value;
}

/** The values that others look at: calibration reads them, attention comparison shows them. N = B T. */
export interface LayerTrace {
  /** What query, key and value read, [N, d]. */
  readonly read: Value;
  /** Before they are split into heads, [N, A a]. */
  readonly query: Value;
  readonly key: Value;
  readonly value: Value;
  /** Attention probabilities, [B, A, T, T]. */
  readonly attention: Value;
  /** Attended values, heads merged, [N, A a]. */
  readonly values: Value;
  /** Attention's output projection, before the residual is added, [N, d]. */
  readonly projected: Value;
  /** What the FFN reads, [N, d]. */
  readonly attentionOutput: Value;
  /** FFN activations before GELU, [N, f]. */
  readonly expanded: Value;
  /** FFN activations after GELU, [N, f]. */
  readonly inner: Value;
  /** FFN's output, before the residual is added, [N, d]. */
  readonly contracted: Value;
  /** What the next layer reads, [N, d]. */
  readonly hidden: Value;
}

export interface EncoderResult {
  /** [N, d]. */
  readonly hidden: Value;
  readonly layers: readonly LayerTrace[];
}

export interface LayerResult {
  /** [N, d]. */
  readonly hidden: Value;
  readonly trace: LayerTrace;
}

/** Normalised embeddings of the batch, [N, d']. */
export function bertEmbeddings(
  graph: Graph,
  shape: EncoderShape,
  parameter: ParameterLookup,
  inputs: EncoderInputs,
  options: EncoderOptions = {},
): Value {
  const embedded = add(
    graph,
    add(
      graph,
      gatherRows(graph, parameter(embeddingNames.word), inputs.inputIds),
      gatherRows(graph, parameter(embeddingNames.position), inputs.positionIds),
    ),
    gatherRows(graph, parameter(embeddingNames.type), inputs.typeIds),
  );
  const compacted = options.embeddingCompactor === undefined ? embedded : matmul(graph, embedded, options.embeddingCompactor);
  return normalise(graph, shape, parameter, written(options, 'embeddings', compacted), embeddingNames.norm, options);
}

function written({ written: change }: EncoderOptions, name: string, x: Value): Value {
  return change === undefined ? x : change(name, x);
}

/** x W^T + b of the layer of this name, or what the options put in its place. */
function denseLayer(graph: Graph, parameter: ParameterLookup, x: Value, name: string, options: EncoderOptions): Value {
  const product = options.dense?.(name, x) ?? linear(graph, x, parameter(`${name}.weight`), parameter(`${name}.bias`));
  return written(options, name, product);
}

/** One encoder layer. @param read [N, d]   @param inputs batch, sequence and mask */
export function bertLayer(
  graph: Graph,
  shape: EncoderShape,
  parameter: ParameterLookup,
  inputs: Pick<EncoderInputs, 'batch' | 'sequence' | 'mask'>,
  read: Value,
  layer: number,
  options: EncoderOptions = {},
): LayerResult {
  const names = layerNames(layer);
  const { batch, sequence } = inputs;
  const dense = (x: Value, name: string): Value => denseLayer(graph, parameter, x, name, options);
  const heads = (x: Value): Value => splitHeads(graph, reshape(graph, x, [batch, sequence, shape.heads * shape.headSize]), shape.heads);
  const query = dense(read, names.query);
  const key = dense(read, names.key);
  const scores = matmul(graph, heads(query), transpose(graph, heads(key)));
  const attention = softmax(graph, scores, inputs.mask, 1 / Math.sqrt(shape.headSize));
  const value = dense(read, names.value);
  const split = heads(value);
  const merged = mergeHeads(graph, matmul(graph, attention, split, { strides: split.strides }));
  const values = reshape(graph, merged, [batch * sequence, shape.heads * shape.headSize]);
  const projected = dense(values, names.attentionOutput);
  const attentionOutput = normalise(graph, shape, parameter, add(graph, projected, read), names.attentionNorm, options);
  const expanded = dense(attentionOutput, names.intermediate);
  const inner = gelu(graph, expanded, shape.activation);
  const contracted = dense(inner, names.output);
  const hidden = normalise(graph, shape, parameter, add(graph, contracted, attentionOutput), names.outputNorm, options);
  const trace = { read, query, key, value, attention, values, projected, attentionOutput, expanded, inner, contracted, hidden };
  return { hidden, trace };
}

function normalise(graph: Graph, shape: EncoderShape, parameter: ParameterLookup, x: Value, name: string, options: EncoderOptions): Value {
  if (options.norm !== undefined) return options.norm(name, x);
  return layerNorm(graph, x, parameter(`${name}.weight`), parameter(`${name}.bias`), shape.layerNormEps);
}

/** BERT's encoder, written once: teacher, student and calibration probes are this function with other parameters. */
export function bertEncoder(
  graph: Graph,
  shape: EncoderShape,
  parameter: ParameterLookup,
  inputs: EncoderInputs,
  options: EncoderOptions = {},
): EncoderResult {
  let hidden = bertEmbeddings(graph, shape, parameter, inputs, options);
  const layers: LayerTrace[] = [];
  for (let layer = 0; layer < shape.layers; layer++) {
    const result = bertLayer(graph, shape, parameter, inputs, hidden, layer, options);
    hidden = result.hidden;
    layers.push(result.trace);
  }
  return { hidden, layers };
}

export interface HeadResult {
  /** What the decoder reads, [M, d]. */
  readonly transformed: Value;
  /** [M, V]. */
  readonly logits: Value;
}

/** What the decoder reads, of rows [M, d]: dense, activation, LayerNorm. */
export function mlmTransform(
  graph: Graph,
  shape: EncoderShape,
  parameter: ParameterLookup,
  rows: Value,
  options: EncoderOptions = {},
): Value {
  const { transform, transformNorm } = headNames;
  const inner = gelu(graph, denseLayer(graph, parameter, rows, transform, options), shape.activation);
  return normalise(graph, shape, parameter, inner, transformNorm, options);
}

/**
 * The masked-language-model head on chosen rows only: full logits of a large batch would not fit.
 * @param decoder [V, d]; unused where the options replace the decoder
 */
export function mlmHead(
  graph: Graph,
  shape: EncoderShape,
  parameter: ParameterLookup,
  rows: Value,
  decoder: Value,
  options: EncoderOptions = {},
): HeadResult {
  const transformed = mlmTransform(graph, shape, parameter, rows, options);
  const logits = options.dense?.(headNames.decoder, transformed) ?? linear(graph, transformed, decoder, parameter(headNames.bias));
  return { transformed, logits };
}
