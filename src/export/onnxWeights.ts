import type { BertModel } from '../models/model.ts';
import { floatToHalf } from '../tensor/float16.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { FLOAT16, FLOAT32, type OnnxWriter } from './onnxWriter.ts';
import { quantizeRows } from './quantize.ts';

/** How an ONNX file holds its matrices. Everything that is not a matrix product stays float32 in all three. */
export type OnnxPrecision = 'fp32' | 'fp16' | 'int8';

/** Takes rows of a table or of the vector beside it: `Gather` or `Slice`. @returns the node's output */
export type PickRows = (table: string, step: string) => string;

/** The student's weights as initialisers, each stored once, and the nodes that use them. */
export interface OnnxWeights {
  /** A float32 vector. */
  vector(key: string): string;
  /** x W^T + b. @param weight Hugging Face name of W [out, in]   @param output the result's name, if it needs one */
  linear(x: string, weight: string, bias: string, place: string, output?: string): string;
  /** Rows of an embedding table, float32. */
  rows(table: string, place: string, pick: PickRows): string;
}

export function onnxWeights(writer: OnnxWriter, model: BertModel, precision: OnnxPrecision): OnnxWeights {
  const found = (key: string): Tensor => {
    const tensor = model.tensors.get(key);
    if (tensor === undefined) throw new StudioError('export', `onnx: the student has no tensor ${key}.`);
    return tensor;
  };
  const vector = (key: string): string => {
    if (writer.has(key)) return key;
    const { data, shape } = found(key);
    return writer.tensor(key, 'float32', shape, data);
  };
  const transposed = (weight: string, place: string): string =>
    writer.node('Transpose', `${place}/Transpose`, [weight], { perm: { ints: [1, 0] } });
  if (precision === 'fp16') return halfWeights(writer, found, vector, transposed);
  if (precision === 'int8') return byteWeights(writer, found, vector, transposed);
  return {
    vector,
    linear: (x, weight, bias, place, output) => {
      const product = writer.node('MatMul', `${place}/MatMul`, [x, transposed(vector(weight), place)]);
      return writer.node('Add', `${place}/Add`, [product, vector(bias)], {}, output);
    },
    rows: (table, _, pick) => pick(vector(table), ''),
  };
}

type Find = (key: string) => Tensor;
type Name = (key: string) => string;
type Transposed = (weight: string, place: string) => string;

/** Products in half precision; their inputs and results are cast, so that LayerNorm, softmax and GELU stay float32. */
function halfWeights(writer: OnnxWriter, found: Find, vector: Name, transposed: Transposed): OnnxWeights {
  const half = (key: string): string => {
    if (writer.has(key)) return key;
    const { data, shape } = found(key);
    return writer.tensor(key, 'float16', shape, Uint16Array.from(data, floatToHalf));
  };
  return {
    vector,
    linear: (x, weight, bias, place, output) => {
      const narrow = writer.cast(x, `${place}/Cast`, FLOAT16);
      const product = writer.node('MatMul', `${place}/MatMul`, [narrow, transposed(half(weight), place)]);
      const wide = writer.cast(product, `${place}/Cast_1`, FLOAT32);
      return writer.node('Add', `${place}/Add`, [wide, vector(bias)], {}, output);
    },
    rows: (table, place, pick) => writer.cast(pick(half(table), ''), `${place}/Cast`, FLOAT32),
  };
}

/**
 * ONNX Runtime's dynamic quantisation: activations to bytes as they come, weights a scale and zero point a row of
 * [out, in]. Names are those that its quantiser gives. A tied table serves the lookup and the decoder.
 */
function byteWeights(writer: OnnxWriter, found: Find, vector: Name, transposed: Transposed): OnnxWeights {
  const bytes = (key: string): { values: string; scale: string; zero: string } => {
    const names = { values: `${key}_quantized`, scale: `${key}_scale`, zero: `${key}_zero_point` };
    if (!writer.has(names.values)) {
      const { data, shape } = found(key);
      const rows = shape[0] ?? 1;
      const { values, scales, zeroPoints } = quantizeRows(data, rows);
      writer.tensor(names.values, 'uint8', shape, values);
      writer.tensor(names.scale, 'float32', [rows], scales);
      writer.tensor(names.zero, 'uint8', [rows], zeroPoints);
    }
    return names;
  };
  /** By the name of what was quantised: query, key and value read the same. */
  const activations = new Map<string, readonly [values: string, scale: string, zero: string]>();
  const quantized = (x: string): readonly [string, string, string] => {
    const held = activations.get(x);
    if (held !== undefined) return held;
    const outputs = [`${x}_quantized`, `${x}_scale`, `${x}_zero_point`] as const;
    writer.nodes.push({ name: `${x}/DynamicQuantizeLinear`, type: 'DynamicQuantizeLinear', inputs: [x], outputs, attributes: {} });
    activations.set(x, outputs);
    return outputs;
  };
  let last = '';
  const lastAxis = (): string => (last = last === '' ? writer.integers('last_axis', [-1]) : last);
  return {
    vector,
    linear: (x, key, bias, place, output) => {
      const weight = bytes(key);
      const [values, scale, zero] = quantized(x);
      const inputs = [values, transposed(weight.values, place), zero, weight.zero];
      const product = writer.cast(writer.node('MatMulInteger', `${place}/MatMulInteger`, inputs), `${place}/Cast`, FLOAT32);
      const scales = writer.node('Mul', `${place}/MulScales`, [scale, weight.scale]);
      const scaled = writer.node('Mul', `${place}/Mul`, [product, scales]);
      return writer.node('Add', `${place}/Add`, [scaled, vector(bias)], {}, output);
    },
    rows: (table, place, pick) => {
      const names = bytes(table);
      const column = (picked: string, step: string): string => writer.node('Unsqueeze', `${place}/${step}/Unsqueeze`, [picked, lastAxis()]);
      const values = writer.cast(pick(names.values, ''), `${place}/Cast`, FLOAT32);
      const zero = writer.cast(column(pick(names.zero, '/zero_point'), 'zero_point'), `${place}/zero_point/Cast`, FLOAT32);
      const centred = writer.node('Sub', `${place}/Sub`, [values, zero]);
      return writer.node('Mul', `${place}/Mul`, [centred, column(pick(names.scale, '/scale'), 'scale')]);
    },
  };
}
