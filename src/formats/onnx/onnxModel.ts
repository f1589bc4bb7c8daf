import { fromJson, toBinary, type JsonValue, type JsonObject } from '@bufbuild/protobuf';
import { onnxMessage } from './onnxSchema.ts';

export type OnnxElement = 'float32' | 'float16' | 'uint8' | 'int8' | 'int32' | 'int64';
const ELEMENTS: Readonly<Record<OnnxElement, number>> = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, float16: 10 };

export type OnnxAttribute = { readonly f: number } | { readonly i: number } | { readonly ints: readonly number[] };

export interface OnnxNode {
  readonly name: string;
  readonly type: string;
  /** Set of operators that the type is from, where it is not ONNX's own. */
  readonly domain?: string | undefined;
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
  /** Numbers, or names of dynamic axes; without it the runtime infers the shape. */
  readonly shape?: readonly (number | string)[];
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
  /** What nodes make in between: runtimes fuse more nodes where shapes are told. */
  readonly values?: readonly OnnxValue[];
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
  const dim = shape?.map((length): JsonObject => (typeof length === 'string' ? { dim_param: length } : { dim_value: String(length) }));
  return { name, type: { tensor_type: { elem_type: ELEMENTS[element], ...(dim === undefined ? {} : { shape: { dim } }) } } };
}

function message(name: string, json: JsonValue): Uint8Array {
  const schema = onnxMessage(name);
  return toBinary(schema, fromJson(schema, json));
}

/** The head of a protobuf field that holds `length` bytes: tag and length. */
function fieldHead(field: number, length: number): Uint8Array {
  return Uint8Array.from([...varint((field << 3) | 2), ...varint(length)]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}

/** Where weights go that do not fit into the file itself. */
export interface ExternalData {
  /** Name of the file beside it. */
  readonly file: string;
  /** Weights move there when they have more bytes than this together; protobuf itself ends at 2 GiB. */
  readonly above: number;
}

export interface OnnxFile {
  readonly model: Uint8Array;
  /** The file of external data in pieces, or null where everything is in `model`. */
  readonly data: readonly Uint8Array[] | null;
}

/** So that runtimes can map the file into memory instead of reading it. */
const PAGE = 4096;
/** Smaller tensors stay in the model: shapes and axes must be known while it is read. */
const SMALL = 1024;
const EXTERNAL = 1;

/**
 * The model as the bytes of an `.onnx` file, and of the file of external data beside it where it needs one.
 *
 * Messages go through the protobuf library; only the weights are framed here, since a generic message would copy
 * every tensor several times over. Concatenated fields of one message are that message, by protobuf's own rule.
 */
export function encodeOnnx(model: OnnxModel, external?: ExternalData): OnnxFile {
  const weights = model.tensors.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const outside = external !== undefined && weights > external.above ? external.file : undefined;
  const graph: Uint8Array[] = [
    message('GraphProto', {
      name: model.name,
      node: model.nodes.map((node) => ({
        name: node.name,
        op_type: node.type,
        ...(node.domain === undefined ? {} : { domain: node.domain }),
        input: [...node.inputs],
        output: [...node.outputs],
        attribute: Object.entries(node.attributes).map(([name, value]) => attribute(name, value)),
      })),
      input: model.inputs.map(valueInfo),
      output: model.outputs.map(valueInfo),
      value_info: (model.values ?? []).map(valueInfo),
    }),
  ];
  const data: Uint8Array[] = [];
  let offset = 0;
  for (const { name, element, shape, bytes } of model.tensors) {
    const about = { name, dims: shape.map(String), data_type: ELEMENTS[element] };
    if (outside !== undefined && bytes.length >= SMALL) {
      const entry = { location: outside, offset: String(offset), length: String(bytes.length) };
      const tensor = message('TensorProto', {
        ...about,
        external_data: Object.entries(entry).map(([key, value]) => ({ key, value })),
        data_location: EXTERNAL,
      });
      graph.push(fieldHead(INITIALIZER, tensor.length), tensor);
      const filled = Math.ceil(bytes.length / PAGE) * PAGE;
      data.push(bytes, new Uint8Array(filled - bytes.length));
      offset += filled;
    } else {
      const head = message('TensorProto', about);
      const raw = fieldHead(RAW_DATA, bytes.length);
      graph.push(fieldHead(INITIALIZER, head.length + raw.length + bytes.length), head, raw, bytes);
    }
  }
  const around = message('ModelProto', {
    ir_version: String(model.irVersion),
    producer_name: model.producer,
    opset_import: [
      { domain: '', version: String(model.opset) },
      // Such sets count their own versions, and ONNX Runtime's has had one only.
      ...[...new Set(model.nodes.flatMap(({ domain }) => domain ?? []))].map((domain) => ({ domain, version: '1' })),
    ],
    metadata_props: Object.entries(model.metadata).map(([key, value]) => ({ key, value })),
  });
  return { model: joined([around, fieldHead(GRAPH, sizeOf(graph)), ...graph]), data: outside === undefined ? null : data };
}

/**
 * The same file with more outputs, for looking at what happens inside: a second `graph` field, which protobuf merges
 * into the first.
 */
export function withOutputs(file: Uint8Array, outputs: readonly OnnxValue[]): Uint8Array {
  const more = message('GraphProto', { output: outputs.map(valueInfo) });
  return joined([file, fieldHead(GRAPH, more.length), more]);
}

// Field numbers of ModelProto.graph, GraphProto.initializer and TensorProto.raw_data; see onnxSchema.ts.
const GRAPH = 7;
const INITIALIZER = 5;
const RAW_DATA = 9;

const sizeOf = (parts: readonly Uint8Array[]): number => parts.reduce((sum, part) => sum + part.length, 0);

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(sizeOf(parts));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
