import type { Graph } from '../graph/graph.ts';
import { gatedGelu, gelu } from '../graph/ops/elementwise.ts';
import { add } from '../graph/ops/layout.ts';
import { layerNorm } from '../graph/ops/layerNorm.ts';
import { linear, matmul } from '../graph/ops/matmul.ts';
import { rotate, rotationTable } from '../graph/ops/rotate.ts';
import { gatherRows } from '../graph/ops/rows.ts';
import { narrowKeys, softmax } from '../graph/ops/softmax.ts';
import { mergeHeads, reshape, splitHeads, transpose } from '../graph/ops/view.ts';
import type { GeluKind } from '../graph/operation.ts';
import type { Value } from '../graph/value.ts';
import { biasOf, type Blueprint, type LayerLinearRole, type LayerNormRole, type Module, type Role } from './blueprint.ts';
import type { Rotary, SentenceHead } from './config.ts';

/** What the forward pass must know of a model, teacher or student. */
export interface EncoderShape {
  readonly blueprint: Blueprint;
  readonly layers: number;
  readonly heads: number;
  readonly headSize: number;
  readonly activation: GeluKind;
  readonly layerNormEps: number;
  /** As `ModelConfig.sentence`. */
  readonly sentence?: SentenceHead;
  readonly rotary?: Rotary;
}

/** B sequences of T tokens, flat. */
export interface EncoderInputs {
  readonly batch: number;
  readonly sequence: number;
  /** [B T], i32. */
  readonly inputIds: Value;
  /** [B T], i32, rows of the position table, or of that of rotations. */
  readonly positionIds: Value;
  /** [B T], i32; not read if the family has no segments. */
  readonly typeIds: Value;
  /** [B, T, 2], i32: the first key that every query sees, and the end of its keys. */
  readonly keyRanges: Value;
}

/** Parameters by their names in the model's checkpoint, as graph values. */
export type ParameterLookup = (name: string) => Value;

export interface EncoderOptions {
  /** Applied to the sum of the raw embeddings, [d, d'], where the tables are not merged. */
  readonly embeddingCompactor?: Value;
  /** Takes the place of x W^T + b of a linear layer, the decoder among them; undefined = as usual. */
  readonly dense?: (module: Module, x: Value) => Value | undefined;
  /** Takes the place of a LayerNorm. */
  readonly norm?: (module: Module, x: Value) => Value;
  /** Changes what a linear layer wrote, as gates do; the table of words stands for the sum of all embeddings. */
  readonly written?: (module: Module, x: Value) => Value;
}

/** The values that others look at: calibration reads them, attention comparison shows them. N = B T. */
export interface LayerTrace {
  /** What query, key and value read, [N, d]: the stream itself, or normalised. */
  readonly read: Value;
  /** Before they are turned by their positions or split into heads, [N, A a]. */
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
  /** FFN activations after GELU, times their gate if there is one, [N, f]. */
  readonly inner: Value;
  /** FFN's output, before the residual is added, [N, d]. */
  readonly contracted: Value;
  /** The stream behind the layer, [N, d]: what the next layer reads, or normalises. */
  readonly hidden: Value;
}

export interface EncoderResult {
  /** Normalised, if norms stand first, [N, d]. */
  readonly hidden: Value;
  readonly layers: readonly LayerTrace[];
}

export interface LayerResult {
  /** [N, d]. */
  readonly hidden: Value;
  readonly trace: LayerTrace;
}

/** Normalised embeddings of the batch, projected if the tables are of another width, [N, d']. */
export function bertEmbeddings(
  graph: Graph,
  shape: EncoderShape,
  parameter: ParameterLookup,
  inputs: EncoderInputs,
  options: EncoderOptions = {},
): Value {
  const { blueprint } = shape;
  const rows = (role: Role, ids: Value): Value => gatherRows(graph, parameter(blueprint.module(role).weight), ids);
  const words = rows('words', inputs.inputIds);
  const placed = blueprint.find('positions') === undefined ? words : add(graph, words, rows('positions', inputs.positionIds));
  const embedded = blueprint.find('segments') === undefined ? placed : add(graph, placed, rows('segments', inputs.typeIds));
  const compacted = options.embeddingCompactor === undefined ? embedded : matmul(graph, embedded, options.embeddingCompactor);
  const normed = normalise(graph, shape, parameter, written(options, blueprint.module('words'), compacted), 'embeddingNorm', null, options);
  const projection = blueprint.find('embeddingProjection');
  return projection === undefined ? normed : denseLayer(graph, parameter, normed, projection, options);
}

function written({ written: change }: EncoderOptions, module: Module, x: Value): Value {
  return change === undefined ? x : change(module, x);
}

/** x W^T + b of a linear layer, or what the options put in its place. */
function denseLayer(graph: Graph, parameter: ParameterLookup, x: Value, module: Module, options: EncoderOptions): Value {
  const bias = module.bias === undefined ? undefined : parameter(module.bias);
  const product = options.dense?.(module, x) ?? linear(graph, x, parameter(module.weight), bias);
  return written(options, module, product);
}

/** The shift of a norm, or zeros for one without. */
export function shiftOf(graph: Graph, module: Module, parameter: ParameterLookup, width: number): Value {
  if (module.bias !== undefined) return parameter(module.bias);
  return graph.constant(`no shift of ${width}`, [width], () => new Float32Array(width));
}

/** What one layer's attention needs of a batch. */
export type LayerInputs = Pick<EncoderInputs, 'batch' | 'sequence' | 'keyRanges' | 'positionIds'>;

const narrowed = new WeakMap<Value, Map<number, Value>>();

/** The keys that a layer's queries see: all of the batch's, or those around each. */
function keysOf(graph: Graph, { rotary }: EncoderShape, { keyRanges }: LayerInputs, layer: number): Value {
  if (rotary?.local[layer] !== true) return keyRanges;
  // Once for all layers that see as far.
  const known = narrowed.get(keyRanges) ?? new Map<number, Value>();
  narrowed.set(keyRanges, known);
  const keys = known.get(rotary.window) ?? narrowKeys(graph, keyRanges, rotary.window, rotary.window);
  known.set(rotary.window, keys);
  return keys;
}

/** Queries or keys turned by their positions, if the model has rotary ones. @param x [N, A a] */
function turned(graph: Graph, { rotary, headSize }: EncoderShape, { sequence, positionIds }: LayerInputs, x: Value, layer: number): Value {
  if (rotary === undefined) return x;
  const base = rotary.local[layer] === true ? rotary.bases.local : rotary.bases.global;
  const name = `rotations of ${headSize} by ${base}, ${sequence} long`;
  const table = graph.constant(name, [sequence, headSize], () => rotationTable(base, headSize, sequence));
  return rotate(graph, x, table, positionIds);
}

/** One encoder layer. @param stream [N, d]   @param inputs batch, sequence, positions and the keys of every query */
export function bertLayer(
  graph: Graph,
  shape: EncoderShape,
  parameter: ParameterLookup,
  inputs: LayerInputs,
  stream: Value,
  layer: number,
  options: EncoderOptions = {},
): LayerResult {
  const { batch, sequence } = inputs;
  const { blueprint } = shape;
  const dense = (x: Value, role: LayerLinearRole): Value => denseLayer(graph, parameter, x, blueprint.module(role, layer), options);
  const norm = (x: Value, role: LayerNormRole): Value => normalise(graph, shape, parameter, x, role, layer, options);
  const heads = (x: Value): Value => splitHeads(graph, reshape(graph, x, [batch, sequence, shape.heads * shape.headSize]), shape.heads);
  const turn = (x: Value): Value => turned(graph, shape, inputs, x, layer);
  const read = blueprint.normsFirst ? norm(stream, 'attentionNorm') : stream;
  const query = dense(read, 'query');
  const key = dense(read, 'key');
  const scores = matmul(graph, heads(turn(query)), transpose(graph, heads(turn(key))));
  const attention = softmax(graph, scores, keysOf(graph, shape, inputs, layer), 1 / Math.sqrt(shape.headSize));
  const value = dense(read, 'value');
  const split = heads(value);
  const merged = mergeHeads(graph, matmul(graph, attention, split, { strides: split.strides }));
  const values = reshape(graph, merged, [batch * sequence, shape.heads * shape.headSize]);
  const projected = dense(values, 'attentionOutput');
  const attended = add(graph, projected, stream);
  const attentionOutput = norm(attended, blueprint.normsFirst ? 'outputNorm' : 'attentionNorm');
  const expanded = dense(attentionOutput, 'expansion');
  const inner =
    blueprint.find('gate', layer) === undefined
      ? gelu(graph, expanded, shape.activation)
      : gatedGelu(graph, expanded, dense(attentionOutput, 'gate'), shape.activation);
  const contracted = dense(inner, 'contraction');
  const hidden = blueprint.normsFirst ? add(graph, contracted, attended) : norm(add(graph, contracted, attentionOutput), 'outputNorm');
  const trace = { read, query, key, value, attention, values, projected, attentionOutput, expanded, inner, contracted, hidden };
  return { hidden, trace };
}

/** What comes out of the last layer, normalised if norms stand first. */
function encoderEnd(graph: Graph, shape: EncoderShape, parameter: ParameterLookup, stream: Value, options: EncoderOptions = {}): Value {
  return normalise(graph, shape, parameter, stream, 'finalNorm', null, options);
}

/** LayerNorm, or nothing if the family has none at this place. */
function normalise(
  graph: Graph,
  { blueprint, layerNormEps }: EncoderShape,
  parameter: ParameterLookup,
  x: Value,
  role: Role,
  layer: number | null,
  options: EncoderOptions,
): Value {
  const module = blueprint.find(role, layer);
  if (module === undefined) return x;
  if (options.norm !== undefined) return options.norm(module, x);
  return layerNorm(graph, x, parameter(module.weight), shiftOf(graph, module, parameter, x.shape.at(-1) ?? 1), layerNormEps);
}

/** The encoder, written once: teacher, student and calibration probes are this function with other parameters. */
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
  return { hidden: encoderEnd(graph, shape, parameter, hidden, options), layers };
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
  const inner = gelu(graph, denseLayer(graph, parameter, rows, shape.blueprint.module('transform'), options), shape.activation);
  return normalise(graph, shape, parameter, inner, 'transformNorm', null, options);
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
  const module = shape.blueprint.module('decoder');
  const logits = options.dense?.(module, transformed) ?? linear(graph, transformed, decoder, parameter(biasOf(module)));
  return { transformed, logits };
}
