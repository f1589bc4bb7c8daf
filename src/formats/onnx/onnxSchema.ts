import { create, createFileRegistry, type DescMessage } from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';

// The part of ONNX's schema (onnx.proto, IR version 8) that a model file needs, with its field numbers.
// As data, not generated code, so that it works under a Content-Security-Policy without eval.
type FieldRow = readonly [name: string, number: number, type: Type | string, repeated?: 'repeated'];

const MESSAGES: Readonly<Record<string, readonly FieldRow[]>> = {
  ModelProto: [
    ['ir_version', 1, Type.INT64],
    ['producer_name', 2, Type.STRING],
    ['producer_version', 3, Type.STRING],
    ['graph', 7, 'GraphProto'],
    ['opset_import', 8, 'OperatorSetIdProto', 'repeated'],
    ['metadata_props', 14, 'StringStringEntryProto', 'repeated'],
  ],
  GraphProto: [
    ['node', 1, 'NodeProto', 'repeated'],
    ['name', 2, Type.STRING],
    ['initializer', 5, 'TensorProto', 'repeated'],
    ['input', 11, 'ValueInfoProto', 'repeated'],
    ['output', 12, 'ValueInfoProto', 'repeated'],
    ['value_info', 13, 'ValueInfoProto', 'repeated'],
  ],
  NodeProto: [
    ['input', 1, Type.STRING, 'repeated'],
    ['output', 2, Type.STRING, 'repeated'],
    ['name', 3, Type.STRING],
    ['op_type', 4, Type.STRING],
    ['attribute', 5, 'AttributeProto', 'repeated'],
    ['domain', 7, Type.STRING],
    ['metadata_props', 9, 'StringStringEntryProto', 'repeated'],
  ],
  AttributeProto: [
    ['name', 1, Type.STRING],
    ['f', 2, Type.FLOAT],
    ['i', 3, Type.INT64],
    ['ints', 8, Type.INT64, 'repeated'],
    ['type', 20, Type.INT32],
  ],
  TensorProto: [
    ['dims', 1, Type.INT64, 'repeated'],
    ['data_type', 2, Type.INT32],
    ['name', 8, Type.STRING],
    ['raw_data', 9, Type.BYTES],
    ['external_data', 13, 'StringStringEntryProto', 'repeated'],
    ['data_location', 14, Type.INT32],
  ],
  ValueInfoProto: [
    ['name', 1, Type.STRING],
    ['type', 2, 'TypeProto'],
  ],
  TypeProto: [['tensor_type', 1, 'TensorTypeProto']],
  TensorTypeProto: [
    ['elem_type', 1, Type.INT32],
    ['shape', 2, 'TensorShapeProto'],
  ],
  TensorShapeProto: [['dim', 1, 'DimensionProto', 'repeated']],
  DimensionProto: [
    ['dim_value', 1, Type.INT64],
    ['dim_param', 2, Type.STRING],
  ],
  OperatorSetIdProto: [
    ['domain', 1, Type.STRING],
    ['version', 2, Type.INT64],
  ],
  StringStringEntryProto: [
    ['key', 1, Type.STRING],
    ['value', 2, Type.STRING],
  ],
};

const file = create(FileDescriptorProtoSchema, {
  name: 'onnx.proto',
  package: 'onnx',
  syntax: 'proto2',
  messageType: Object.entries(MESSAGES).map(([name, fields]) => ({
    name,
    field: fields.map(([field, number, type, repeated]) => ({
      name: field,
      number,
      label: repeated === undefined ? Label.OPTIONAL : Label.REPEATED,
      ...(typeof type === 'string' ? { type: Type.MESSAGE, typeName: `.onnx.${type}` } : { type }),
    })),
  })),
});

const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));

/** A message's descriptor by its ONNX name. */
export function onnxMessage(name: string): DescMessage {
  const found = registry.getMessage(`onnx.${name}`);
  if (found === undefined) throw new Error(`onnx: the schema has no message ${name}`);
  return found;
}
