import type { EncoderShape } from '../models/encoder.ts';
import { biasOf, type LayerLinearRole, type LayerNormRole, type FamilyRole } from '../models/blueprint.ts';
import type { Rotary } from '../models/config.ts';
import { familyOf } from '../models/families/registry.ts';
import type { Step } from '../models/family.ts';
import { encoderShape, longestSequence, type BertModel } from '../models/model.ts';
import { HIDDEN, LOGITS, outputOf } from '../models/outputs.ts';
import { encodeOnnx, type ExternalData, type OnnxFile, type OnnxValue } from '../formats/onnx/onnxModel.ts';
import { StudioError } from '../tensor/studioError.ts';
import { onnxWeights, type OnnxPrecision } from './onnxWeights.ts';
import { onnxDense, onnxSentence, type OnnxDense, type OnnxSentence } from './onnxPooling.ts';
import { OnnxWriter } from './onnxWriter.ts';

/** Added to scores of padding before the softmax. Finite, so that a row of padding alone stays finite. */
const MASKED_SCORE = -1e30;

const OPSET = 17;
const IR_VERSION = 8;

export interface OnnxForm {
  readonly precision?: OnnxPrecision;
  /** Every layer's attention, `attentions.0` .. [batch_size, heads, sequence_length, sequence_length], as outputs too. */
  readonly attentions?: boolean;
  /** Vectors of sentences, `sentence_embedding`, in the place of those of tokens. The model has no head. */
  readonly sentence?: OnnxSentence;
  /** A layer that the vectors of all tokens go through, for tools that pool by themselves. The model has no head. */
  readonly tokens?: OnnxDense;
  /** Where weights go that are too many for the file itself. */
  readonly external?: ExternalData;
}

/** One whole file. @throws StudioError if its weights need external data */
export function encodeStudentOnnx(
  model: BertModel,
  name: string,
  metadata: Readonly<Record<string, string>>,
  precision: OnnxPrecision = 'fp32',
): Uint8Array {
  const { model: file, data } = writeOnnx(model, name, metadata, { precision, external: { file: '', above: PROTOBUF_LIMIT } });
  if (data !== null) throw new StudioError('export', `onnx: ${name} has over 2 GiB of weights, more than one file holds.`);
  return file;
}

/** What stays clear of protobuf's 2 GiB, nodes and names included. */
export const PROTOBUF_LIMIT = 2 ** 31 - 64 * 2 ** 20;

/**
 * A model as ONNX: int64 token ids, mask and segments [batch_size, sequence_length], by the family's names, to float32
 * `logits` [batch_size, sequence_length, vocab], or `last_hidden_state` [batch_size, sequence_length, hidden] where the
 * model has no head. Tables and vectors keep the checkpoint's names and layout, weights lie as `MatMul` reads them; a tied
 * table is stored once, at every precision. The nodes have the form that ONNX Runtime's optimiser knows from BERT as
 * PyTorch exports it, so that it fuses attention, GELU and LayerNorm. Values tell their shapes, but for the residual
 * stream: a session that knows those fuses SkipLayerNormalization, which is slower on a CPU than the nodes it replaces.
 */
export function writeOnnx(model: BertModel, name: string, metadata: Readonly<Record<string, string>>, form: OnnxForm = {}): OnnxFile {
  const axes = ['batch_size', 'sequence_length'] as const;
  const family = familyOf(model.config.family);
  const { ids, mask: given, segments } = family.onnxInputs;
  const inputs = [ids, given, ...(segments === undefined ? [] : [segments])].map((input) => ({
    name: input,
    element: 'int64' as const,
    shape: axes,
  }));
  const writer = new OnnxWriter(inputs);
  const { config } = model;
  const shape = encoderShape(config);
  const weights = onnxWeights(writer, model, form.precision ?? 'fp32');
  const { blueprint } = shape;
  const at = (step: FamilyRole | Step, layer: number | null = null): string => family.place(step, layer ?? 0);
  const linear = (x: string, role: LayerLinearRole | 'embeddingProjection' | 'transform', layer: number | null = null): string => {
    const module = blueprint.module(role, layer);
    return weights.linear(x, module.weight, module.bias, at(role, layer));
  };
  /** Values of the residual stream, and what gives it its shape. */
  const untold = new Set<string>();
  /** @param x makes what is normalised, under the given name if nothing comes behind it */
  const normed = (
    x: (output?: string) => string,
    role: LayerNormRole | 'embeddingNorm' | 'finalNorm' | 'transformNorm',
    layer: number | null,
    output?: string,
  ): string => {
    const module = blueprint.find(role, layer);
    if (module === undefined) return x(output);
    const shift = module.bias === undefined ? [] : [weights.vector(module.bias)];
    const value = writer.node('LayerNormalization', at(role, layer), [x(), weights.vector(module.weight), ...shift], {
      attributes: { axis: { i: -1 }, epsilon: { f: config.layerNormEps } },
      output,
    });
    if (role !== 'transformNorm') untold.add(value);
    return value;
  };
  const sum =
    (step: Step, layer: number | null, parts: readonly string[], node = 'Add') =>
    (output?: string): string => {
      const value = writer.node('Add', `${at(step, layer)}/${node}`, parts, { output });
      untold.add(value);
      return value;
    };
  const one = writer.scalar('one', 1);
  const activate = activation(writer, shape.activation, one);

  const gather = (role: 'words' | 'positions' | 'segments', rows: string): string =>
    weights.rows(blueprint.module(role).weight, at(role), (held, step) => writer.node('Gather', `${at(role)}${step}/Gather`, [held, rows]));
  const words = gather('words', ids);
  const typed =
    blueprint.find('segments') === undefined ? undefined : gather('segments', segments ?? writer.integers('first_segment', [0], []));
  const before = writer.nodes.length;
  const positions =
    blueprint.find('positions') === undefined
      ? undefined
      : gather('positions', positionIds(writer, at('embeddings'), ids, longestSequence(config), blueprint.positionOffset));
  for (const { outputs } of writer.nodes.slice(before)) for (const value of outputs) untold.add(value);
  const tables = [words, typed, positions].filter((table) => table !== undefined);
  const embedded =
    tables.length < 3
      ? tables.length < 2
        ? () => words
        : sum('embeddings', null, tables)
      : sum('embeddings', null, [sum('embeddings', null, tables.slice(0, 2))(), ...tables.slice(2)], 'Add_1');
  let hidden = normed(embedded, 'embeddingNorm', null);
  if (blueprint.find('embeddingProjection') !== undefined) hidden = linear(hidden, 'embeddingProjection');

  const mask = maskScores(writer, at('mask'), given, one);
  const rotary = shape.rotary === undefined ? undefined : rotaryNodes(writer, at('mask'), ids, shape.rotary, shape.headSize, mask);
  const split = writer.integers('split_heads', [0, 0, shape.heads, shape.headSize]);
  const merge = writer.integers('merge_heads', [0, 0, config.hiddenSize]);
  const root = writer.scalar('root_head_size', Math.sqrt(shape.headSize));

  const outputs: OnnxValue[] = [];
  const headless = outputOf(model) === HIDDEN;
  /** The name of what comes out of the encoder, if that is the answer. */
  const named = headless && form.sentence === undefined && form.tokens === undefined ? HIDDEN : undefined;
  for (let layer = 0; layer < shape.layers; layer++) {
    const stream = hidden;
    const { normsFirst } = blueprint;
    const read = normsFirst ? normed(() => stream, 'attentionNorm', layer) : stream;
    const self = at('attention', layer);
    const turns = rotary?.of(layer);
    const heads = (role: 'query' | 'key' | 'value', perm: readonly number[]): string => {
      const place = at(role, layer);
      const shaped = writer.node('Reshape', `${place}/Reshape`, [linear(read, role, layer), split], {
        shape: [...axes, shape.heads, shape.headSize],
      });
      const apart = (order: readonly number[]): string =>
        writer.node('Transpose', `${place}/Transpose_1`, [shaped], { attributes: { perm: { ints: order } } });
      if (turns === undefined || role === 'value') return apart(perm);
      const turned = turns.turn(apart([0, 2, 1, 3]), place);
      return role === 'query'
        ? turned
        : writer.node('Transpose', `${place}/Transpose_2`, [turned], { attributes: { perm: { ints: [0, 1, 3, 2] } } });
    };
    const query = heads('query', [0, 2, 1, 3]);
    const key = heads('key', [0, 2, 3, 1]);
    const value = heads('value', [0, 2, 1, 3]);
    const scores = writer.node('Div', `${self}/Div`, [writer.node('MatMul', `${self}/MatMul`, [query, key]), root]);
    const seen = writer.node('Add', `${self}/Add`, [scores, turns?.mask ?? mask]);
    const attention = writer.node('Softmax', `${self}/Softmax`, [seen], {
      attributes: { axis: { i: -1 } },
      output: form.attentions === true ? `attentions.${layer}` : undefined,
    });
    if (form.attentions === true) outputs.push({ name: attention, ...writer.form(attention) });
    const context = writer.node('Transpose', `${self}/Transpose`, [writer.node('MatMul', `${self}/MatMul_1`, [attention, value])], {
      attributes: { perm: { ints: [0, 2, 1, 3] } },
    });
    const merged = writer.node('Reshape', `${self}/Reshape`, [context, merge], { shape: [...axes, config.hiddenSize] });
    const attended = sum('attentionSum', layer, [linear(merged, 'attentionOutput', layer), stream]);
    const summed = normsFirst ? attended() : undefined;
    const after = summed === undefined ? normed(attended, 'attentionNorm', layer) : normed(() => summed, 'outputNorm', layer);
    const active = activate(linear(after, 'expansion', layer), at('activation', layer));
    const inner =
      blueprint.find('gate', layer) === undefined
        ? active
        : writer.node('Mul', `${at('activation', layer)}/Gate`, [active, linear(after, 'gate', layer)]);
    const ended = sum('outputSum', layer, [linear(inner, 'contraction', layer), summed ?? after]);
    const last = layer === shape.layers - 1 ? named : undefined;
    hidden = normsFirst ? ended() : normed(ended, 'outputNorm', layer, last);
  }
  if (blueprint.normsFirst) {
    const stream = hidden;
    hidden = normed(() => stream, 'finalNorm', null, named);
  }

  let answer = hidden;
  if (form.sentence !== undefined) answer = onnxSentence(writer, hidden, config.hiddenSize, given, form.sentence);
  else if (form.tokens !== undefined) answer = onnxDense(writer, hidden, form.tokens, HIDDEN);
  else if (!headless) {
    const transformed = normed(() => activate(linear(hidden, 'transform'), at('transformActivation')), 'transformNorm', null);
    const decoder = blueprint.module('decoder');
    const [bias, place] = [biasOf(decoder), at('decoder')];
    answer = config.tieWordEmbeddings
      ? weights.decode(transformed, blueprint.module('words').weight, bias, place, LOGITS)
      : weights.linear(transformed, decoder.weight, bias, place, LOGITS);
  }
  outputs.unshift({ name: answer, ...writer.form(answer) });

  const contents = {
    name,
    producer: 'WID Studio',
    opset: OPSET,
    irVersion: IR_VERSION,
    nodes: writer.nodes,
    tensors: writer.tensors,
    inputs,
    outputs,
    values: writer.values(new Set([...untold, ...outputs.map((output) => output.name)])),
    metadata,
  };
  return encodeOnnx(contents, form.external);
}

/** The rows of T tokens as [1, T], T the length of the input: cut from all positions, as PyTorch's BERT does it. */
function positionIds(writer: OnnxWriter, place: string, ids: string, positions: number, offset: number): string {
  const all = writer.integers(
    `${place.slice(1).replaceAll('/', '.')}.position_ids`,
    Array.from({ length: positions }, (_, i) => offset + i),
    [1, positions],
  );
  const zero = writer.integers('zero', [0]);
  const unit = writer.integers('unit', [1]);
  const shape = writer.node('Shape', `${place}/Shape`, [ids], { shape: [2] });
  const length = writer.node('Gather', `${place}/Gather`, [shape, writer.integers('second', [1], [])]);
  const end = writer.node('Unsqueeze', `${place}/Unsqueeze`, [length, zero], { shape: [1] });
  return writer.node('Slice', `${place}/Slice`, [all, zero, end, unit, unit], { shape: [1, 'sequence_length'] });
}

/** What is added to the scores, [batch_size, 1, 1, sequence_length]: 0 for tokens, a large negative number for padding. */
function maskScores(writer: OnnxWriter, place: string, given: string, one: string): string {
  const rows = writer.node('Unsqueeze', `${place}/Unsqueeze`, [given, writer.integers('mask_rows', [1])], {
    shape: ['batch_size', 1, 'sequence_length'],
  });
  const heads = writer.node('Unsqueeze', `${place}/Unsqueeze_1`, [rows, writer.integers('mask_heads', [2])], {
    shape: ['batch_size', 1, 1, 'sequence_length'],
  });
  const absent = writer.node('Sub', `${place}/Sub`, [one, writer.cast(heads, `${place}/Cast`, 'float32')]);
  return writer.node('Mul', `${place}/Mul`, [absent, writer.scalar('masked_score', MASKED_SCORE)]);
}

/** What rotary positions add to a layer: how queries and keys are turned, and what is added to its scores. */
interface LayerTurns {
  /** @param x [batch_size, heads, sequence_length, head size] */
  turn(x: string, place: string): string;
  readonly mask: string;
}

/**
 * Angles of all positions, once for all layers of a kind, and the mask of local layers: scores of a key beyond the window fall with its
 * distance, by far more than any score is large.
 */
function rotaryNodes(
  writer: OnnxWriter,
  place: string,
  ids: string,
  { bases, local, window }: Rotary,
  size: number,
  mask: string,
): { of(layer: number): LayerTurns } {
  const node = (type: string, name: string, inputs: readonly string[], shape?: readonly (string | number)[]): string =>
    writer.node(type, `${place}/${name}`, inputs, shape === undefined ? {} : { shape });
  const lengths = node('Shape', 'positions/Shape', [ids], [2]);
  const length = node('Gather', 'positions/Gather', [lengths, writer.integers('length_axis', [1], [])]);
  const places = node(
    'Range',
    'positions/Range',
    [writer.integers('first_position', [0], []), length, writer.integers('step', [1], [])],
    ['sequence_length'],
  );
  const reals = writer.cast(places, `${place}/positions/Cast`, 'float32');
  const rows = node('Unsqueeze', 'positions/Unsqueeze', [reals, writer.integers('behind', [1])], ['sequence_length', 1]);
  const half = size / 2;
  const [start, middle, end] = [0, half, size].map((at, i) => writer.integers(['half_start', 'half_middle', 'half_end'][i] ?? '', [at]));
  const axis = writer.integers('half_axis', [-1]);
  const angles = (kind: 'local' | 'global'): { cosines: string; sines: string } => {
    const steps = writer.tensor(
      `${kind}_rotations`,
      'float32',
      [1, half],
      Float32Array.from({ length: half }, (_, i) => bases[kind] ** (-i / half)),
    );
    const once = node('Mul', `${kind}_rotations/Mul`, [rows, steps]);
    const twice = writer.node('Concat', `${place}/${kind}_rotations/Concat`, [once, once], {
      attributes: { axis: { i: -1 } },
      shape: ['sequence_length', size],
    });
    return { cosines: node('Cos', `${kind}_rotations/Cos`, [twice]), sines: node('Sin', `${kind}_rotations/Sin`, [twice]) };
  };
  const windowed = (): string => {
    const columns = node('Unsqueeze', 'window/Unsqueeze', [reals, writer.integers('before', [0])], [1, 'sequence_length']);
    const apart = node('Abs', 'window/Abs', [node('Sub', 'window/Sub', [rows, columns], ['sequence_length', 'sequence_length'])]);
    const beyond = node('Relu', 'window/Relu', [node('Sub', 'window/Sub_1', [apart, writer.scalar('window', window)])]);
    const unseen = node('Mul', 'window/Mul', [beyond, writer.scalar('unseen_score', MASKED_SCORE)]);
    return node('Add', 'window/Add', [mask, unseen], ['batch_size', 1, 'sequence_length', 'sequence_length']);
  };
  const kinds = new Map<boolean, LayerTurns>();
  const made = (isLocal: boolean): LayerTurns => {
    const { cosines, sines } = angles(isLocal ? 'local' : 'global');
    const turn = (x: string, at: string): string => {
      const { shape } = writer.form(x);
      const part = (step: string, from: string | undefined, to: string | undefined): string =>
        writer.node('Slice', `${at}/${step}`, [x, from ?? '', to ?? '', axis], { shape: [...shape.slice(0, -1), half] });
      const [first, second] = [part('Slice', start, middle), part('Slice_1', middle, end)];
      const across = writer.node('Concat', `${at}/Concat`, [writer.node('Neg', `${at}/Neg`, [second]), first], {
        attributes: { axis: { i: -1 } },
        shape,
      });
      const along = writer.node('Mul', `${at}/Mul_cos`, [x, cosines], { shape });
      return writer.node('Add', `${at}/Add_sin`, [along, writer.node('Mul', `${at}/Mul_sin`, [across, sines], { shape })]);
    };
    return { turn, mask: isLocal ? windowed() : mask };
  };
  return {
    of: (layer) => {
      const isLocal = local[layer] ?? false;
      const known = kinds.get(isLocal) ?? made(isLocal);
      kinds.set(isLocal, known);
      return known;
    },
  };
}

/** The feed-forward layer's curve; its output has one name whatever the curve, so that it can be looked at in any file. */
function activation(writer: OnnxWriter, curve: EncoderShape['activation'], one: string): (x: string, place: string) => string {
  const named = (place: string): { readonly output: string } => ({ output: `${place}_output_0` });
  if (curve === 'relu') return (x, place) => writer.node('Relu', `${place}/Relu`, [x], named(place));
  const half = writer.scalar('half', 0.5);
  const scaled = (x: string, inner: string, place: string): string => {
    const product = writer.node('Mul', `${place}/Mul_1`, [x, writer.node('Add', `${place}/Add`, [inner, one])]);
    return writer.node('Mul', `${place}/Mul_2`, [product, half], named(place));
  };
  if (curve === 'gelu') {
    const root = writer.scalar('root_two', Math.SQRT2);
    return (x, place) => scaled(x, writer.node('Erf', `${place}/Erf`, [writer.node('Div', `${place}/Div`, [x, root])]), place);
  }
  const cubic = writer.scalar('gelu_cubic', 0.044715);
  const factor = writer.scalar('gelu_factor', Math.sqrt(2 / Math.PI));
  return (x, place) => {
    const times = (a: string, b: string, step: string): string => writer.node('Mul', `${place}/${step}`, [a, b]);
    const cube = times(times(x, x, 'Square'), x, 'Cube');
    const inner = writer.node('Add', `${place}/AddCube`, [x, times(cube, cubic, 'MulCubic')]);
    return scaled(x, writer.node('Tanh', `${place}/Tanh`, [times(inner, factor, 'MulFactor')]), place);
  };
}
