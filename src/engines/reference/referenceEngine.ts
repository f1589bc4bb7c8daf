import type { Plan, PlanOptions } from '../../graph/plan.ts';
import type { Value } from '../../graph/value.ts';
import { sizeOf } from '../../tensor/shape.ts';
import type { Engine, EngineDescription, EngineLimits, Program } from '../engine.ts';
import { EngineError } from '../engineError.ts';
import { withConstants } from '../withConstants.ts';

/** The slow twin: every operation's own reference in float64. The judge of the other engines. */
export class ReferenceEngine implements Engine {
  readonly limits: EngineLimits = { arenaBytes: 2 ** 32 };
  readonly planOptions: PlanOptions = { alignment: 8, inPlace: false };

  describe(): EngineDescription {
    return { name: 'reference', detail: 'TypeScript, float64, one thread: slow, for checking', threads: 1 };
  }

  compile(plan: Plan): Promise<Program> {
    return Promise.resolve(this.compileReference(plan));
  }

  /** The same with float64 access, for finite differences. */
  compileReference(plan: Plan): ReferenceProgram {
    return withConstants(new ReferenceProgram(plan), plan);
  }

  dispose(): void {}
}

/** A plan in float64 memory. */
export class ReferenceProgram implements Program {
  readonly ahead = 0;
  readonly #plan: Plan;
  readonly #memory = new Map<number, Float64Array>();

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  write(name: string, data: Float32Array | Int32Array): void {
    const value = this.#plan.inputs.get(name) ?? this.#plan.states.get(name);
    if (value === undefined) throw new EngineError(`reference: there is no input or state ${name} to write.`);
    if (data.length !== value.storage.size)
      throw new EngineError(`reference: ${name} holds ${value.storage.size} numbers, got ${data.length}.`);
    this.#storage(value).set(data);
  }

  run(): Promise<void> {
    for (const node of this.#plan.nodes) {
      if (node.operation.kind === 'reshape' || node.operation.kind === 'permute') continue;
      const output = new Float64Array(sizeOf(node.output.shape));
      const writes = node.writes.map((value) => this.#storage(value));
      node.reference(
        node.inputs.map((input) => this.#gather(input)),
        output,
        writes,
      );
      this.#scatter(node.output, output);
    }
    return Promise.resolve();
  }

  read(name: string): Promise<Float32Array> {
    return Promise.resolve(Float32Array.from(this.#gather(this.#named(name))));
  }

  readIntegers(name: string): Promise<Int32Array> {
    return Promise.resolve(Int32Array.from(this.#gather(this.#named(name))));
  }

  /** The float64 numbers themselves, for finite differences. */
  readExact(name: string): Float64Array {
    return this.#gather(this.#named(name));
  }

  /** Overwrites with float64 numbers, for finite differences. */
  writeExact(name: string, data: Float64Array): void {
    this.#storage(this.#named(name)).set(data);
  }

  dispose(): void {
    this.#memory.clear();
  }

  #named(name: string): Value {
    const value = this.#plan.outputs.get(name) ?? this.#plan.states.get(name) ?? this.#plan.inputs.get(name);
    if (value === undefined) throw new EngineError(`reference: there is no tensor ${name} to read.`);
    return value;
  }

  #storage(value: Value): Float64Array {
    let memory = this.#memory.get(value.storage.id);
    if (memory === undefined) {
      memory = new Float64Array(value.storage.size);
      this.#memory.set(value.storage.id, memory);
    }
    return memory;
  }

  #gather(value: Value): Float64Array {
    const memory = this.#storage(value);
    const out = new Float64Array(sizeOf(value.shape));
    places(value, (at, from) => {
      out[at] = memory[from] ?? 0;
    });
    return out;
  }

  #scatter(value: Value, data: Float64Array): void {
    const memory = this.#storage(value);
    places(value, (at, to) => {
      memory[to] = data[at] ?? 0;
    });
  }
}

/** Visits every element: its row-major number and its place in the storage. */
function places(value: Value, visit: (at: number, place: number) => void): void {
  const { shape, strides } = value;
  const index = shape.map(() => 0);
  const count = sizeOf(shape);
  let place = 0;
  for (let at = 0; at < count; at++) {
    visit(at, place);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const next = (index[axis] ?? 0) + 1;
      place += strides[axis] ?? 0;
      index[axis] = next;
      if (next < (shape[axis] ?? 1)) break;
      index[axis] = 0;
      place -= next * (strides[axis] ?? 0);
    }
  }
}
