import { sizeOf, type Shape } from '../tensor/shape.ts';
import type { Node } from './operation.ts';
import { contiguousStrides, GraphError, type DType, type Storage, type Value } from './value.ts';

/**
 * Named tensors and the operations between them, in an order in which they can run.
 *
 * Values know their storage only; the graph knows which node made a value.
 */
export class Graph {
  readonly nodes: Node[] = [];
  readonly inputs = new Map<string, Value>();
  readonly states = new Map<string, Value>();
  readonly outputs = new Map<string, Value>();
  /** Numbers of the inputs that {@link constant} made, by their names. */
  readonly constants = new Map<string, Float32Array>();
  readonly #makers = new Map<Value, Node>();
  #storages = 0;

  /** A tensor that the host writes before runs. */
  input(name: string, shape: Shape, dtype: DType = 'f32'): Value {
    const value = this.#allocate('input', name, shape, dtype);
    this.#enter(this.inputs, name, value);
    return value;
  }

  /**
   * An input whose numbers are known when the graph is built; engines write them once, when they compile. Asked for again by the same
   * name, it is the same.
   */
  constant(name: string, shape: Shape, data: () => Float32Array): Value {
    const known = this.constants.has(name) ? this.inputs.get(name) : undefined;
    if (known !== undefined) return known;
    const value = this.input(name, shape);
    this.constants.set(name, data());
    return value;
  }

  /** A tensor that stays on the device between runs: parameters, moments, accumulators. */
  state(name: string, shape: Shape): Value {
    const value = this.#allocate('state', name, shape, 'f32');
    this.#enter(this.states, name, value);
    return value;
  }

  /** A state that nothing writes but the host, and that may be rounded to half precision: weights of a model that only runs. */
  frozen(name: string, shape: Shape): Value {
    const made = this.#allocate('state', name, shape, 'f32');
    const value: Value = { ...made, storage: { ...made.storage, frozen: true } };
    this.#enter(this.states, name, value);
    return value;
  }

  /** Makes a value readable after a run under this name. */
  output(name: string, value: Value): void {
    this.#enter(this.outputs, name, value);
  }

  /** Fresh memory for a node's output; `strides` may permute the axes. */
  temporary(label: string, shape: Shape, dtype: DType = 'f32', strides?: readonly number[]): Value {
    const value = this.#allocate('temporary', label, shape, dtype);
    return strides === undefined ? value : { ...value, strides };
  }

  add(node: Node): Value {
    this.nodes.push(node);
    this.#makers.set(node.output, node);
    return node.output;
  }

  makerOf(value: Value): Node | undefined {
    return this.#makers.get(value);
  }

  #allocate(kind: Storage['kind'], label: string, shape: Shape, dtype: DType): Value {
    if (shape.some((n) => !Number.isInteger(n) || n < 1))
      throw new GraphError(label, `every axis needs a positive whole length, got [${shape.join(', ')}].`);
    const storage: Storage = { id: this.#storages++, kind, label, size: sizeOf(shape) };
    return { storage, dtype, shape, strides: contiguousStrides(shape) };
  }

  #enter(names: Map<string, Value>, name: string, value: Value): void {
    if (this.inputs.has(name) || this.states.has(name) || this.outputs.has(name))
      throw new GraphError(name, 'this name is taken. Names of inputs, states and outputs must differ.');
    names.set(name, value);
  }
}
