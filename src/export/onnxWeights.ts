import { blueprintOf } from '../models/blueprint.ts';
import type { BertModel } from '../models/model.ts';
import { LOGITS, outputOf } from '../models/outputs.ts';
import { floatToHalf } from '../tensor/float16.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { OnnxWriter } from './onnxWriter.ts';
import { nibbleWeights } from './nibbleWeights.ts';
import { quantizeRows } from './quantize.ts';

/** How an ONNX file holds its matrices. Everything that is not a matrix product stays float32 in all of them. */
export type OnnxPrecision = 'fp32' | 'fp16' | 'int8' | 'q4';

/** Takes rows of a table or of the vector beside it: `Gather`. @returns the node's output */
export type PickRows = (table: string, step: string) => string;

/**
 * The student's weights as initialisers, each stored once, and the nodes that use them.
 *
 * A weight is stored as [in, out], as `MatMul` reads it: quantisers look for an initialiser there, and take none behind
 * a Transpose. It then has no Hugging Face name, which would be that of [out, in]. Tables keep name and layout.
 */
export interface OnnxWeights {
  /** A float32 vector. */
  vector(key: string): string;
  /**
   * x W^T + b, or without b.
   * @param weight Hugging Face name of W [out, in]   @param output the result's name, if it needs one
   */
  linear(x: string, weight: string, bias: string | undefined, place: string, output?: string): string;
  /** x T^T + b, where T [rows, width] is a table that `rows` reads too. @param x [batch_size, sequence_length, width] */
  decode(x: string, table: string, bias: string, place: string, output: string): string;
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
  if (precision === 'int8') {
    const isMultiplied = model.config.tieWordEmbeddings && outputOf(model) === LOGITS;
    return byteWeights(writer, found, vector, new Set(isMultiplied ? [blueprintOf(model.config).module('words').weight] : []));
  }
  if (precision === 'q4') return nibbleWeights(writer, found, vector);
  return precision === 'fp16' ? halfWeights(writer, found, vector) : fullWeights(writer, found, vector);
}

export type Find = (key: string) => Tensor;
export type Name = (key: string) => string;

/** The name under which [out, in] is stored as [in, out]. */
const turned = (key: string): string => `${key}_transposed`;

function transpose<Data extends Float32Array | Uint16Array | Int8Array>(data: Data, rows: number, out: Data): Data {
  const columns = data.length / rows;
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) out[column * rows + row] = data[row * columns + column] ?? 0;
  return out;
}

function fullWeights(writer: OnnxWriter, found: Find, vector: Name): OnnxWeights {
  return {
    vector,
    linear: (x, key, bias, place, output) => {
      const { data, shape } = found(key);
      const [rows = 0, columns = 0] = shape;
      const weight = writer.tensor(turned(key), 'float32', [columns, rows], transpose(data, rows, new Float32Array(data.length)));
      const shift = bias === undefined ? undefined : vector(bias);
      return writer.withBias(place, shift, output, (name) => writer.node('MatMul', `${place}/MatMul`, [x, weight], { output: name }));
    },
    decode: (x, table, bias, place, output) =>
      writer.node('Add', `${place}/Add`, [tableProduct(writer, x, vector(table), place), vector(bias)], { output }),
    rows: (table, _, pick) => pick(vector(table), ''),
  };
}

/**
 * x T^T as a `Gemm` that reads the table as it is stored, its rows flat. ONNX Runtime's dynamic quantiser makes bytes of
 * it, where it would pass over a `MatMul` whose table stands behind a Transpose. The bias comes behind the `Gemm`, so
 * that what is shaped back is no output of the graph, which the runtime would copy.
 */
function tableProduct(writer: OnnxWriter, x: string, table: string, place: string): string {
  const [rows = 0, width = 0] = writer.form(table).shape;
  const flat = writer.node('Reshape', `${place}/Reshape`, [x, writer.integers('flat_rows', [-1, Number(width)])], {
    shape: ['tokens', width],
  });
  const product = writer.node('Gemm', `${place}/Gemm`, [flat, table], { attributes: { transB: { i: 1 } } });
  const lengths = writer.node('Shape', `${place}/Shape`, [writer.tokens], { shape: [2] });
  const shape = writer.node('Concat', `${place}/Concat`, [lengths, writer.integers('table_rows', [Number(rows)])], {
    attributes: { axis: { i: 0 } },
    shape: [3],
  });
  return writer.node('Reshape', `${place}/Reshape_1`, [product, shape], { shape: ['batch_size', 'sequence_length', rows] });
}

/** Products in half precision; their inputs and results are cast, so that LayerNorm, softmax and GELU stay float32. */
function halfWeights(writer: OnnxWriter, found: Find, vector: Name): OnnxWeights {
  const table = (key: string): string => {
    if (writer.has(key)) return key;
    const { data, shape } = found(key);
    return writer.tensor(key, 'float16', shape, Uint16Array.from(data, floatToHalf));
  };
  const product = (
    x: string,
    place: string,
    multiply: (narrow: string) => string,
    bias: string | undefined,
    output: string | undefined,
  ): string => {
    const narrow = multiply(writer.cast(x, `${place}/Cast`, 'float16'));
    const shift = bias === undefined ? undefined : vector(bias);
    return writer.withBias(place, shift, output, (name) => writer.cast(narrow, `${place}/Cast_1`, 'float32', name));
  };
  return {
    vector,
    linear: (x, key, bias, place, output) => {
      const { data, shape } = found(key);
      const [rows = 0, columns = 0] = shape;
      const halves = transpose(Uint16Array.from(data, floatToHalf), rows, new Uint16Array(data.length));
      const weight = writer.tensor(turned(key), 'float16', [columns, rows], halves);
      return product(x, place, (narrow) => writer.node('MatMul', `${place}/MatMul`, [narrow, weight]), bias, output);
    },
    decode: (x, key, bias, place, output) => product(x, place, (narrow) => tableProduct(writer, narrow, table(key), place), bias, output),
    rows: (key, place, pick) => writer.cast(pick(table(key), ''), `${place}/Cast`, 'float32'),
  };
}

interface ByteNames {
  readonly values: string;
  readonly scale: string;
}

/**
 * ONNX Runtime's dynamic quantisation: activations to unsigned bytes as they come, weights to signed ones with a scale an
 * output. Names are those that its quantiser gives. A tied table serves the lookup and, behind a Transpose, the decoder.
 */
function byteWeights(writer: OnnxWriter, found: Find, vector: Name, multiplied: ReadonlySet<string>): OnnxWeights {
  const table = (key: string): ByteNames => {
    const names = { values: `${key}_quantized`, scale: `${key}_scale` };
    if (!writer.has(names.values)) {
      const { data, shape } = found(key);
      const [rows = 1] = shape;
      const { values, scales } = quantizeRows(data, rows, multiplied.has(key));
      writer.tensor(names.values, 'int8', shape, values);
      writer.tensor(names.scale, 'float32', [rows], scales);
    }
    return names;
  };
  /** By the name of what was quantised: query, key and value read the same. */
  const activations = new Map<string, readonly [values: string, scale: string, zero: string]>();
  const quantized = (x: string): readonly [string, string, string] => {
    const held = activations.get(x);
    if (held !== undefined) return held;
    const outputs = [`${x}_quantized`, `${x}_scale`, `${x}_zero_point`] as const;
    writer.several('DynamicQuantizeLinear', `${x}/DynamicQuantizeLinear`, [x], outputs);
    activations.set(x, outputs);
    return outputs;
  };
  const product = (x: string, weight: ByteNames, bias: string | undefined, place: string, output: string | undefined): string => {
    const [read, scale, zero] = quantized(x);
    const whole = writer.node('MatMulInteger', `${place}/MatMulInteger`, [read, weight.values, zero]);
    const scales = writer.node('Mul', `${place}/MulScales`, [scale, weight.scale]);
    const reals = writer.cast(whole, `${place}/Cast`, 'float32');
    const shift = bias === undefined ? undefined : vector(bias);
    return writer.withBias(place, shift, output, (name) => writer.node('Mul', `${place}/Mul`, [reals, scales], { output: name }));
  };
  let last = '';
  const lastAxis = (): string => (last = last === '' ? writer.integers('last_axis', [-1]) : last);
  return {
    vector,
    linear: (x, key, bias, place, output) => {
      const { data, shape } = found(key);
      const [rows = 1, columns = 1] = shape;
      const { values, scales } = quantizeRows(data, rows, true);
      const bytes = writer.tensor(
        `${turned(key)}_quantized`,
        'int8',
        [columns, rows],
        transpose(values, rows, new Int8Array(values.length)),
      );
      const scale = writer.tensor(`${turned(key)}_scale`, 'float32', [rows], scales);
      return product(x, { values: bytes, scale }, bias, place, output);
    },
    decode: (x, key, bias, place, output) => {
      const { values, scale } = table(key);
      const flipped = writer.node('Transpose', `${place}/Transpose`, [values], { attributes: { perm: { ints: [1, 0] } } });
      return product(x, { values: flipped, scale }, bias, place, output);
    },
    rows: (key, place, pick) => {
      const names = table(key);
      const picked = pick(names.scale, '/scale');
      const scale = writer.node('Unsqueeze', `${place}/scale/Unsqueeze`, [picked, lastAxis()], {
        shape: [...writer.form(picked).shape, 1],
      });
      return writer.node('Mul', `${place}/Mul`, [writer.cast(pick(names.values, ''), `${place}/Cast`, 'float32'), scale]);
    },
  };
}
