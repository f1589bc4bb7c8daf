import type { OnnxAttribute, OnnxElement, OnnxNode, OnnxTensor, OnnxValue } from '../formats/onnx/onnxModel.ts';
import { StudioError } from '../tensor/studioError.ts';
import { CAST_TO, outputForms, type OnnxAxis, type ValueForm } from './onnxShapes.ts';

export interface NodeSettings {
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
  /** Set of operators of the type, where it is not ONNX's own. */
  readonly domain?: string;
  /** Name of the output; that of the node with `_output_0` if absent. */
  readonly output?: string | undefined;
  /** Shape of the output where the shapes of the inputs do not tell it. */
  readonly shape?: readonly OnnxAxis[];
}

/** Collects nodes and tensors; every method names its node and returns its output's name. */
export class OnnxWriter {
  readonly nodes: OnnxNode[] = [];
  readonly tensors: OnnxTensor[] = [];
  readonly #forms = new Map<string, ValueForm>();
  readonly #held = new Set<string>();

  /** Name of the first input, the token ids [batch_size, sequence_length]. */
  readonly tokens: string;

  /** @param inputs of the whole graph, token ids first */
  constructor(inputs: readonly (ValueForm & { readonly name: string })[]) {
    this.tokens = inputs[0]?.name ?? '';
    for (const { name, element, shape } of inputs) this.#forms.set(name, { element, shape });
  }

  node(type: string, name: string, inputs: readonly string[], settings: NodeSettings = {}): string {
    const output = settings.output ?? `${name}_output_0`;
    this.several(type, name, inputs, [output], settings);
    return output;
  }

  /** A node with several outputs, whose names are given. */
  several(type: string, name: string, inputs: readonly string[], outputs: readonly string[], settings: NodeSettings = {}): void {
    const { attributes = {}, shape, domain } = settings;
    const forms = outputForms(
      type,
      inputs.map((input) => this.form(input)),
      attributes,
      shape,
    );
    for (const [i, form] of forms.entries()) this.#forms.set(outputs[i] ?? '', form);
    this.nodes.push({ name, type, inputs, outputs, attributes, domain });
  }

  cast(x: string, name: string, to: keyof typeof CAST_TO, output?: string): string {
    return this.node('Cast', name, [x], { attributes: { to: { i: CAST_TO[to] } }, output });
  }

  /**
   * A product and the bias behind it, or the product alone: its output then has the place's name, whatever makes it.
   * @param product makes the product, under the given name if nothing comes behind it
   */
  withBias(place: string, bias: string | undefined, output: string | undefined, product: (output?: string) => string): string {
    if (bias === undefined) return product(output ?? `${place}_output_0`);
    return this.node('Add', `${place}/Add`, [product(), bias], { output });
  }

  /** Element and shape of a value that was made before. */
  form(name: string): ValueForm {
    const form = this.#forms.get(name);
    if (form === undefined) throw new StudioError('export', `onnx: ${name} is read before it is made. This is a fault of the studio.`);
    return form;
  }

  /** What nodes make, for the file to tell. @param except names that are not told, or are told as outputs of the graph */
  values(except: ReadonlySet<string>): OnnxValue[] {
    const made = this.nodes.flatMap(({ outputs }) => outputs).filter((name) => !except.has(name));
    return made.map((name) => {
      const { element, shape } = this.form(name);
      return { name, element, shape };
    });
  }

  /** True if there is a tensor of that name. */
  has(name: string): boolean {
    return this.#held.has(name);
  }

  tensor(
    name: string,
    element: OnnxElement,
    shape: readonly number[],
    data: Int8Array | Uint8Array | Uint16Array | Float32Array | BigInt64Array,
  ): string {
    this.#held.add(name);
    this.#forms.set(name, { element, shape });
    this.tensors.push({ name, element, shape, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) });
    return name;
  }

  integers(name: string, values: readonly number[], shape: readonly number[] = [values.length]): string {
    return this.tensor(name, 'int64', shape, BigInt64Array.from(values, BigInt));
  }

  scalar(name: string, value: number): string {
    return this.tensor(name, 'float32', [], Float32Array.of(value));
  }
}
