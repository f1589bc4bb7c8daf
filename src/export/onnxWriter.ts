import type { OnnxAttribute, OnnxElement, OnnxNode, OnnxTensor } from '../formats/onnx/onnxModel.ts';

/** ONNX's TensorProto.DataType, as `Cast` wants it. */
export const FLOAT32 = 1;
export const FLOAT16 = 10;

/** Collects nodes and tensors; every method names its node and returns its output's name. */
export class OnnxWriter {
  readonly nodes: OnnxNode[] = [];
  readonly tensors: OnnxTensor[] = [];
  readonly #names = new Set<string>();

  node(
    type: string,
    name: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    output = `${name}_output_0`,
  ): string {
    this.nodes.push({ name, type, inputs, outputs: [output], attributes });
    return output;
  }

  cast(x: string, name: string, to: number, output?: string): string {
    return this.node('Cast', name, [x], { to: { i: to } }, output);
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  tensor(
    name: string,
    element: OnnxElement,
    shape: readonly number[],
    data: Uint8Array | Uint16Array | Float32Array | BigInt64Array,
  ): string {
    this.#names.add(name);
    this.tensors.push({ name, element, shape, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) });
    return name;
  }

  integers(name: string, values: readonly number[]): string {
    return this.tensor(name, 'int64', [values.length], BigInt64Array.from(values, BigInt));
  }

  scalar(name: string, value: number): string {
    return this.tensor(name, 'float32', [], Float32Array.of(value));
  }
}
