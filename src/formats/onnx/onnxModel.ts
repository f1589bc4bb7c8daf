import { fromJson, toBinary, type JsonValue, type JsonObject } from '@bufbuild/protobuf';
import { onnxMessage } from './onnxSchema.ts';

export type OnnxElement = 'float32' | 'float16' | 'uint8' | 'int64';
const ELEMENTS: Readonly<Record<OnnxElement, number>> = { float32: 1, uint8: 2, int64: 7, float16: 10 };

export type OnnxAttribute = { readonly f: number } | { readonly i: number } | { readonly ints: readonly number[] };

export interface OnnxNode {
  readonly name: string;
  readonly type: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

export interface OnnxTensor {
  readonly name: string;
  readonly element: OnnxElement;
  readonly shape: readonly number[];
  /** Little-endian bytes. */
  readonly bytes: Uint8Array;
}

export interface OnnxValue {
  readonly name: string;
  readonly element: OnnxElement;
  /** A number, or the name of a dynamic axis. */
  readonly shape: readonly (number | string)[];
}

export interface OnnxModel {
  readonly name: string;
  readonly producer: string;
  readonly opset: number;
  readonly irVersion: number;
  readonly nodes: readonly OnnxNode[];
  readonly tensors: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly metadata: Readonly<Record<string, string>>;
}

// AttributeProto.AttributeType.
const FLOAT = 1;
const INT = 2;
const INTS = 7;

function attribute(name: string, value: OnnxAttribute): JsonObject {
  if ('f' in value) return { name, f: value.f, type: FLOAT };
  if ('i' in value) return { name, i: String(value.i), type: INT };
  return { name, ints: value.ints.map(String), type: INTS };
}

function valueInfo({ name, element, shape }: OnnxValue): JsonObject {
  const dim = shape.map((length): JsonObject => (typeof length === 'string' ? { dim_param: length } : { dim_value: String(length) }));
  return { name, type: { tensor_type: { elem_type: ELEMENTS[element], shape: { dim } } } };
}

function message(name: string, json: JsonValue): Uint8Array {
  const schema = onnxMessage(name);
  return toBinary(schema, fromJson(schema, json));
}

/** A protobuf field that holds a message, whose bytes are already known: tag, length, bytes. */
function embedded(field: number, bytes: Uint8Array): Uint8Array[] {
  return [varint((field << 3) | 2), varint(bytes.length), bytes];
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Uint8Array.from([...bytes, rest]);
}

/**
 * The model as the bytes of an `.onnx` file.
 *
 * Messages go through the protobuf library; only the weights are framed here, since a generic message would copy
 * every tensor several times over. Concatenated fields of one message are that message, by protobuf's own rule.
 */
export function encodeOnnx(model: OnnxModel): Uint8Array {
  const head = message('GraphProto', {
    name: model.name,
    node: model.nodes.map((node) => ({
      name: node.name,
      op_type: node.type,
      input: [...node.inputs],
      output: [...node.outputs],
      attribute: Object.entries(node.attributes).map(([name, value]) => attribute(name, value)),
    })),
    input: model.inputs.map(valueInfo),
    output: model.outputs.map(valueInfo),
  });
  const graph: Uint8Array[] = [head];
  for (const tensor of model.tensors) {
    const about = message('TensorProto', { name: tensor.name, dims: tensor.shape.map(String), data_type: ELEMENTS[tensor.element] });
    graph.push(...embedded(INITIALIZER, joined([about, ...embedded(RAW_DATA, tensor.bytes)])));
  }
  const around = message('ModelProto', {
    ir_version: String(model.irVersion),
    producer_name: model.producer,
    opset_import: [{ domain: '', version: String(model.opset) }],
    metadata_props: Object.entries(model.metadata).map(([key, value]) => ({ key, value })),
  });
  return joined([around, ...embedded(GRAPH, joined(graph))]);
}

// Field numbers of ModelProto.graph, GraphProto.initializer and TensorProto.raw_data; see onnxSchema.ts.
const GRAPH = 7;
const INITIALIZER = 5;
const RAW_DATA = 9;

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
