import { sliceOf, type ByteSource } from '../../tensor/byteSource.ts';
import { sizeOf } from '../../tensor/shape.ts';
import { shownName } from '../../tensor/shown.ts';
import { FLOAT_BYTES, readFloats, type FloatElement, type StoredTensor, type StoredTensors } from '../storedTensor.ts';
import { OnnxError } from './onnxError.ts';
import { readOnnxGraph, type GraphNode, type Initializer, type OnnxGraph } from './onnxGraph.ts';

/** Floating-point kinds of TensorProto.DataType. */
const FLOATS: ReadonlyMap<number, FloatElement> = new Map([
  [1, 'F32'],
  [10, 'F16'],
  [11, 'F64'],
  [16, 'BF16'],
]);
const KINDS: ReadonlyMap<number, string> = new Map([...FLOATS, [2, 'U8'], [3, 'I8'], [6, 'I32'], [7, 'I64'], [9, 'BOOL']]);

const QUANTISED = new Set(['MatMulInteger', 'DynamicQuantizeMatMul', 'DequantizeLinear', 'QLinearMatMul', 'MatMulNBits', 'QAttention']);
const FUSED = new Set(['Attention', 'EmbedLayerNormalization', 'MultiHeadAttention', 'DecoderMaskedMultiHeadAttention']);

/**
 * The weights of an ONNX BERT under Hugging Face's names and in its layout ([out, in]), read when they are asked for.
 *
 * Exporters keep the names of biases, LayerNorms and tables, and store what a product reads transposed, without a name:
 * the bias that is added to the product tells it, or the name of the node. Identical tensors that the exporter stored
 * once come back under every name.
 * @param beside a file next to the model, by its name, for weights that are kept outside
 * @param nameOf how the model's family calls the weight of a product
 * @throws OnnxError for a quantised or fused model, a product whose weight has no name, or a file that is missing
 */
export async function openOnnx(
  source: ByteSource,
  beside: (file: string) => ByteSource | undefined,
  nameOf: WeightName = moduleWeight,
): Promise<StoredTensors> {
  const graph = await readOnnxGraph(source);
  refuseChanged(graph.nodes);
  const tensors = new Map<string, StoredTensor>();
  const store = (name: string, initializer: Initializer, flip: boolean, from = name): void => {
    if (!tensors.has(name)) tensors.set(name, { ...stored(source, beside, name, initializer, flip), from });
  };
  const resolve = resolver(graph);
  const products = new Set<string>();
  for (const { weight, name, flip } of productWeights(graph, resolve, nameOf)) {
    products.add(weight);
    const initializer = graph.initializers.get(weight);
    if (initializer !== undefined) store(name, initializer, flip, weight);
  }
  for (const [name, initializer] of graph.initializers)
    if (!products.has(name) || nameOf([name], []) !== undefined) store(name, initializer, false);
  for (const [alias, name] of sharedNames(graph, resolve)) {
    const initializer = graph.initializers.get(name);
    if (initializer !== undefined && !graph.initializers.has(alias)) store(alias, initializer, false, name);
  }
  for (const node of graph.nodes) {
    const [alias = ''] = node.outputs;
    const found = node.type === 'Identity' ? resolve(alias) : undefined;
    const initializer = found === undefined ? undefined : graph.initializers.get(found.name);
    if (initializer !== undefined && found?.flipped === false && /\.(?:weight|bias)$/.test(alias))
      store(alias, initializer, false, found.name);
  }
  return tensors;
}

function refuseChanged(nodes: readonly GraphNode[]): void {
  for (const { type, domain, name } of nodes) {
    if (QUANTISED.has(type))
      throw new OnnxError(
        `${shownName(name)} (${type}) — expected floating-point weights, got quantised ones, which cannot be trained on. Give the model before it was quantised.`,
      );
    // The standard operator of that name takes query, key and value; the other one holds their weights in one matrix.
    if (FUSED.has(type) && domain === 'com.microsoft')
      throw new OnnxError(
        `${shownName(name)} (${type}) — expected query, key and value apart, got them fused by ONNX Runtime's optimiser. Export the model without optimisation.`,
      );
  }
}

interface Resolved {
  /** Of an initialiser. */
  readonly name: string;
  /** Names that it has on the way. */
  readonly aliases: readonly string[];
  /** True if it is transposed on the way. */
  readonly flipped: boolean;
}

type Resolve = (value: string) => Resolved | undefined;

/** Follows a value back to the initialiser that it is, through nodes that do not change numbers. */
function resolver({ nodes, initializers }: OnnxGraph): Resolve {
  const made = new Map<string, GraphNode>();
  for (const node of nodes)
    if (['Identity', 'Cast', 'Transpose'].includes(node.type)) for (const output of node.outputs) made.set(output, node);
  return (value) => {
    const aliases: string[] = [];
    let flipped = false;
    let name = value;
    // Damaged graphs may run in circles.
    for (let step = 0; step < 8; step++) {
      aliases.push(name);
      if (initializers.has(name)) return { name, aliases, flipped };
      const node = made.get(name);
      if (node === undefined) return undefined;
      if (node.type === 'Transpose') {
        const perm = node.integers.get('perm');
        if (perm !== undefined && perm.join() !== '1,0') return undefined;
        flipped = !flipped;
      }
      name = node.inputs[0] ?? '';
    }
    return undefined;
  };
}

interface ProductWeight {
  readonly weight: string;
  readonly name: string;
  /** True if it is stored as [in, out]. */
  readonly flip: boolean;
}

function productWeights(graph: OnnxGraph, resolve: Resolve, nameOf: WeightName): ProductWeight[] {
  const readers = new Map<string, GraphNode[]>();
  for (const node of graph.nodes)
    if (node.type === 'Add' || node.type === 'BiasGelu')
      for (const input of node.inputs) readers.set(input, [...(readers.get(input) ?? []), node]);
  const found: (ProductWeight & { readonly module: string })[] = [];
  for (const node of graph.nodes) {
    if (node.type !== 'MatMul' && node.type !== 'Gemm') continue;
    const held = resolve(node.inputs[1] ?? '');
    if (held === undefined || graph.initializers.get(held.name)?.shape.length !== 2) continue;
    const [output = ''] = node.outputs;
    const biases =
      node.type === 'Gemm'
        ? [node.inputs[2] ?? '']
        : (readers.get(output) ?? []).flatMap(({ inputs }) => inputs.filter((input) => input !== output));
    const outIn = node.type === 'Gemm' && node.integers.get('transB')?.[0] === 1 ? !held.flipped : held.flipped;
    found.push({
      weight: held.name,
      name: weightName(
        node,
        held,
        biases.flatMap((bias) => resolve(bias)?.aliases ?? []),
        nameOf,
      ),
      flip: !outIn,
      module: node.module,
    });
  }
  // Equal biases, as those of an untrained model, are stored once under one name: it tells nothing about the others.
  const weights = new Map<string, Set<string>>();
  for (const { name, weight } of found) weights.set(name, (weights.get(name) ?? new Set()).add(weight));
  return found.map(({ module, name, weight, flip }) => ({
    weight,
    name: module !== '' && (weights.get(name)?.size ?? 0) > 1 ? `${module}${WEIGHT}` : name,
    flip,
  }));
}

/** Names, by the modules that read them, of tensors that several modules share: equal ones, which were stored once. */
function sharedNames({ nodes }: OnnxGraph, resolve: Resolve): Map<string, string> {
  const readers = new Map<string, Set<string>>();
  const products = new Map<string, string>();
  const note = (input: string | undefined, module: string, ending: string): void => {
    const name = resolve(input ?? '')?.name;
    if (name !== undefined && module !== '') readers.set(name, (readers.get(name) ?? new Set()).add(`${module}${ending}`));
  };
  for (const { type, inputs, outputs, module } of nodes) {
    if (type === 'MatMul') for (const output of outputs) products.set(output, module);
    else if (type === 'Gather') note(inputs[0], module, WEIGHT);
    else if (type === 'Gemm') note(inputs[2], module, BIAS);
    else if (type === 'Add' && inputs.some((input) => products.get(input) === module))
      for (const input of inputs) note(input, module, BIAS);
    else if (type === 'LayerNormalization') {
      note(inputs[1], module, WEIGHT);
      note(inputs[2], module, BIAS);
    }
  }
  const found = new Map<string, string>();
  for (const [name, aliases] of readers) if (aliases.size > 1) for (const alias of aliases) found.set(alias, name);
  return found;
}

/** The name of a product's weight, from its own names and those of what is added to the product; undefined if none tells. */
type WeightName = (names: readonly string[], biases: readonly string[]) => string | undefined;

/** How PyTorch names the two parameters of a module. */
const [WEIGHT, BIAS] = ['.weight', '.bias'];

function moduleWeight(names: readonly string[], biases: readonly string[]): string | undefined {
  const bias = biases.find((name) => name.endsWith(BIAS));
  return names.find((name) => name.endsWith(WEIGHT)) ?? (bias === undefined ? undefined : `${bias.slice(0, -BIAS.length)}${WEIGHT}`);
}

/** The name of a product's weight in the checkpoint: its own, or that of its bias, or that of the node that multiplies. */
function weightName(node: GraphNode, { aliases }: Resolved, biases: readonly string[], nameOf: WeightName): string {
  const known = nameOf(aliases, biases);
  if (known !== undefined) return known;
  const place = node.name.split('/').slice(1, -1);
  if (place.length > 0) return `${place.join('.')}.weight`;
  throw new OnnxError(
    `${shownName(node.name)} multiplies by ${shownName(aliases.at(-1) ?? '')} — expected a bias or a node with a name that says which layer it is, got neither. Give the checkpoint that the model was exported from.`,
  );
}

function stored(
  source: ByteSource,
  beside: (file: string) => ByteSource | undefined,
  name: string,
  { shape, element, place }: Initializer,
  flip: boolean,
): StoredTensor {
  const float = FLOATS.get(element);
  const dtype = KINDS.get(element) ?? `kind ${element}`;
  const outer = flip ? shape.toReversed() : shape;
  if (float === undefined) return { shape: outer, dtype, read: null };
  const read = async (): Promise<Float32Array> => {
    const shown = shownName(name);
    if (place === null) throw new OnnxError(`${shown} — expected raw numbers, got another form. Export the model with PyTorch or Optimum.`);
    const file = place.file === null ? source : beside(place.file);
    if (file === undefined)
      throw new OnnxError(`${shown} — expected ${shownName(place.file ?? '')} beside the model, got nothing. Give both files.`);
    const bytes = sizeOf(shape) * FLOAT_BYTES[float];
    const raw = sliceOf(file, place.start, place.end ?? Math.min(file.size, place.start + bytes));
    if (raw.size !== bytes)
      throw new OnnxError(`${shown} — expected ${bytes} bytes, got ${raw.size}. The file is damaged; export it again.`);
    const numbers = await readFloats(raw, 0, sizeOf(shape), float);
    return flip ? transposed(numbers, shape[0] ?? 0, shape[1] ?? 0) : numbers;
  };
  return { shape: outer, dtype, read };
}

/** [rows, columns] to [columns, rows]. */
function transposed(numbers: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(numbers.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = numbers[i * columns + j] ?? 0;
  return out;
}
