import { fromBinary, toJson } from '@bufbuild/protobuf';
import { readWhole, sliceOf, type ByteSource } from '../../tensor/byteSource.ts';
import { shownName } from '../../tensor/shown.ts';
import { OnnxError } from './onnxError.ts';
import { onnxMessage } from './onnxSchema.ts';
import { WireReader, type WireField } from './wireReader.ts';

/** A weight of a model, not read yet. */
export interface Initializer {
  readonly shape: readonly number[];
  /** TensorProto.DataType. */
  readonly element: number;
  /** Its numbers: a stretch of the model's file, or of a file beside it; null where they are written in another way. */
  readonly place: { readonly file: string | null; readonly start: number; readonly end: number | null } | null;
}

export interface GraphNode {
  readonly type: string;
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Whole-number attributes: `transB`, `perm`. */
  readonly integers: ReadonlyMap<string, readonly number[]>;
  /** Path of the module that the node is a part of, as PyTorch's newer exporter notes it; '' if nothing is noted. */
  readonly module: string;
}

/** What weights are named and laid out by. */
export interface OnnxGraph {
  readonly nodes: readonly GraphNode[];
  readonly initializers: ReadonlyMap<string, Initializer>;
}

/** A BERT of 24 layers has about 5,000 nodes, exported as verbosely as can be. */
const MOST_PARTS = 200_000;
/** A node beyond this holds a constant tensor. */
const LARGEST_NODE = 2 ** 20;

// Field numbers, see onnxSchema.ts.
const MODEL_GRAPH = 7;
const GRAPH_NODE = 1;
const GRAPH_INITIALIZER = 5;

/** Nodes and weights of a model; the weights' numbers are not read. @throws OnnxError */
export async function readOnnxGraph(source: ByteSource): Promise<OnnxGraph> {
  const nodes: GraphNode[] = [];
  const initializers = new Map<string, Initializer>();
  let parts = 0;
  const count = (): void => {
    parts += 1;
    if (parts > MOST_PARTS)
      throw new OnnxError(`expected at most ${MOST_PARTS} nodes and weights, got more. The file is hostile or damaged.`);
  };
  const model = new WireReader(source);
  for (let field = await model.next(); field !== undefined; field = await model.next()) {
    count();
    if (field.number !== MODEL_GRAPH || field.type !== 2) continue;
    const graph = new WireReader(source, field.start, field.end);
    for (let part = await graph.next(); part !== undefined; part = await graph.next()) {
      count();
      if (part.type !== 2) continue;
      if (part.number === GRAPH_NODE) {
        if (part.end - part.start <= LARGEST_NODE) nodes.push(await readNode(source, part));
      } else if (part.number === GRAPH_INITIALIZER) {
        const [name, initializer] = await readInitializer(source, part);
        if (initializers.has(name)) throw new OnnxError(`${shownName(name)} — expected once, got it again. The file is damaged.`);
        initializers.set(name, initializer);
      }
    }
  }
  if (nodes.length === 0) throw new OnnxError('expected a graph with nodes, got none. The file is cut off, or not an ONNX model.');
  return { nodes, initializers };
}

async function decode(message: string, source: ByteSource, { start, end }: WireField): Promise<Map<string, unknown>> {
  const schema = onnxMessage(message);
  try {
    const json: unknown = toJson(schema, fromBinary(schema, await source.read(start, end)), { useProtoFieldName: true });
    return new Map(Object.entries(typeof json === 'object' && json !== null ? json : {}));
  } catch (error) {
    throw new OnnxError(
      `byte ${start} — expected a ${message}, got ${error instanceof Error ? error.message : String(error)}. The file is damaged; export it again.`,
    );
  }
}

const items = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const texts = (value: unknown): string[] => items(value).map(text);

async function readNode(source: ByteSource, field: WireField): Promise<GraphNode> {
  const node = await decode('NodeProto', source, field);
  const integers = new Map<string, number[]>();
  for (const attribute of items(node.get('attribute'))) {
    const fields = new Map<string, unknown>(Object.entries(typeof attribute === 'object' && attribute !== null ? attribute : {}));
    const list: unknown = fields.get('ints') ?? [fields.get('i')];
    if (Array.isArray(list)) integers.set(text(fields.get('name')), list.map(Number));
  }
  return {
    type: text(node.get('op_type')),
    domain: text(node.get('domain')),
    name: text(node.get('name')),
    inputs: texts(node.get('input')),
    outputs: texts(node.get('output')),
    integers,
    module: moduleOf(items(node.get('metadata_props'))),
  };
}

/** Of a list such as `['', 'bert', 'bert.embeddings', 'add']`, the last place but the node's own. */
function moduleOf(notes: readonly unknown[]): string {
  for (const note of notes) {
    const entry = new Map<string, unknown>(Object.entries(typeof note === 'object' && note !== null ? note : {}));
    if (entry.get('key') !== 'pkg.torch.onnx.name_scopes') continue;
    const places = text(entry.get('value')).match(/'[^']*'/g) ?? [];
    return places.at(-2)?.slice(1, -1) ?? '';
  }
  return '';
}

/** TensorProto's fields that hold little-endian numbers one after the other. */
const RAW_DATA = 9;
const PLAIN: ReadonlyMap<number, string> = new Map([
  [4, 'float_data'],
  [10, 'double_data'],
]);

async function readInitializer(source: ByteSource, tensor: WireField): Promise<[string, Initializer]> {
  const shape: number[] = [];
  let element = 0;
  let name = '';
  let data: WireField | undefined;
  let external = false;
  const pointer = new Map<string, string>();
  const reader = new WireReader(source, tensor.start, tensor.end);
  for (let field = await reader.next(); field !== undefined; field = await reader.next()) {
    if (field.number === 1) shape.push(...(field.type === 0 ? [field.value] : await packed(source, field)));
    else if (field.number === 2) element = field.value;
    else if (field.number === 8)
      name = new TextDecoder().decode(await readWhole(sliceOf(source, field.start, field.end), 4096, 'onnx: a name'));
    else if (field.number === RAW_DATA || (PLAIN.has(field.number) && field.type === 2)) data = field;
    else if (field.number === 13 && field.type === 2 && pointer.size < 16) {
      const entry = await decode('StringStringEntryProto', source, field);
      pointer.set(text(entry.get('key')), text(entry.get('value')));
    } else if (field.number === 14) external = field.value === 1;
    if (shape.length > 64) throw new OnnxError(`${shownName(name)}: expected a shape, got more than 64 axes. The file is damaged.`);
  }
  if (shape.some((n) => !Number.isSafeInteger(n)))
    throw new OnnxError(`${shownName(name)}: expected a shape of whole numbers. The file is damaged.`);
  if (external) return [name, { shape, element, place: externalPlace(name, pointer) }];
  return [name, { shape, element, place: data === undefined ? null : { file: null, start: data.start, end: data.end } }];
}

function externalPlace(name: string, pointer: ReadonlyMap<string, string>): Initializer['place'] {
  const start = Number(pointer.get('offset') ?? 0);
  const length = pointer.get('length');
  const end = length === undefined ? null : start + Number(length);
  const location = pointer.get('location') ?? '';
  // Where a path leads does not matter: a file is looked for among those that were given, by its name alone.
  const file = location.slice(Math.max(location.lastIndexOf('/'), location.lastIndexOf('\\')) + 1);
  if (file === '' || !Number.isSafeInteger(start) || start < 0 || (end !== null && !(Number.isSafeInteger(end) && end >= start)))
    throw new OnnxError(`${shownName(name)}: expected a file and a place in it, got ${shownName(location)}. The file is damaged.`);
  return { file, start, end };
}

async function packed(source: ByteSource, { start, end }: WireField): Promise<number[]> {
  const bytes = await readWhole(sliceOf(source, start, end), 640, 'onnx: a shape');
  const values: number[] = [];
  let value = 0;
  let shift = 0;
  for (const byte of bytes) {
    value += (byte & 0x7f) * 2 ** shift;
    shift += 7;
    if (byte >= 0x80) continue;
    values.push(value);
    value = 0;
    shift = 0;
  }
  return values;
}
