import type { Plan } from '../../graph/plan.ts';
import { type Value } from '../../graph/value.ts';
import { sizeOf } from '../../tensor/shape.ts';
import type { Program } from '../engine.ts';
import { EngineError } from '../engineError.ts';
import { rowMajor } from '../rowMajor.ts';
import type { ReadyDispatch } from './binding.ts';
import { MAP_READ, USAGE, type DeviceOwner } from './deviceOwner.ts';
import type { ProgramMemory } from './programMemory.ts';

/** Longest stretch of work handed to the device at once: longer ones hold up the page's own drawing. */
const SUBMISSION_MILLISECONDS = 50;

/** A plan on a device. `run` hands work over and returns while it is going on, one run ahead at most. */
export class WebGpuProgram implements Program {
  readonly #owner: DeviceOwner;
  readonly #plan: Plan;
  readonly #memory: ProgramMemory;
  readonly #slabs: readonly GPUBuffer[];
  readonly #others: readonly GPUBuffer[];
  readonly #dispatches: readonly ReadyDispatch[];
  /** The run before, while it goes on. */
  #running: Promise<void> = Promise.resolve();
  #milliseconds = 0;
  #disposed = false;

  constructor(
    owner: DeviceOwner,
    plan: Plan,
    memory: ProgramMemory,
    slabs: readonly GPUBuffer[],
    others: readonly GPUBuffer[],
    dispatches: readonly ReadyDispatch[],
  ) {
    this.#owner = owner;
    this.#plan = plan;
    this.#memory = memory;
    this.#slabs = slabs;
    this.#others = others;
    this.#dispatches = dispatches;
  }

  /** Kernels that one run starts. */
  get dispatchCount(): number {
    return this.#dispatches.length;
  }

  write(name: string, data: Float32Array | Int32Array): void {
    this.#usable();
    const value = this.#plan.inputs.get(name) ?? this.#plan.states.get(name);
    if (value === undefined) throw new EngineError(`webgpu: there is no input or state ${name} to write.`);
    if (data.length !== value.storage.size)
      throw new EngineError(`webgpu: ${name} — expected ${value.storage.size} numbers, got ${data.length}.`);
    const words = data instanceof Float32Array === (value.dtype === 'f32') ? data : convert(value, data);
    for (const { slab, offset, first, count } of this.#memory.pieces(value))
      this.#owner.device.queue.writeBuffer(this.#slab(slab), offset, toBytes(words), first * 4, count * 4);
  }

  async run(): Promise<void> {
    this.#usable();
    await this.#owner.guard(this.#running);
    this.#usable();
    const { queue } = this.#owner.device;
    const started = performance.now();
    for (const part of this.#parts()) queue.submit([this.#encode(part)]);
    this.#running = this.#finish(started);
    // A loss is told by the next call.
    this.#running.catch(() => {});
  }

  async #finish(started: number): Promise<void> {
    await this.#owner.device.queue.onSubmittedWorkDone();
    this.#milliseconds = performance.now() - started;
  }

  async read(name: string): Promise<Float32Array> {
    const value = this.#named(name);
    const words = new Float32Array(await this.#fetch(value));
    return rowMajor(value, words, new Float32Array(sizeOf(value.shape)));
  }

  async readIntegers(name: string): Promise<Int32Array> {
    const value = this.#named(name);
    const words = new Int32Array(await this.#fetch(value));
    return rowMajor(value, words, new Int32Array(sizeOf(value.shape)));
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const buffer of [...this.#slabs, ...this.#others]) buffer.destroy();
  }

  /** Copies a tensor's bytes out, behind the work that was handed over so far. */
  async #fetch(value: Value): Promise<ArrayBuffer> {
    this.#usable();
    const { device } = this.#owner;
    const size = value.storage.size * 4;
    const label = `read ${value.storage.label}`;
    const copy = await this.#owner.scoped(
      `${label}, ${size} bytes`,
      () => {
        const staging = device.createBuffer({ label, size, usage: USAGE.copyTarget | USAGE.mapRead });
        const encoder = device.createCommandEncoder({ label });
        for (const { slab, offset, first, count } of this.#memory.pieces(value))
          encoder.copyBufferToBuffer(this.#slab(slab), offset, staging, first * 4, count * 4);
        device.queue.submit([encoder.finish()]);
        return staging;
      },
      { bytes: size },
    );
    try {
      await this.#owner.guard(copy.mapAsync(MAP_READ));
      return copy.getMappedRange().slice(0);
    } finally {
      copy.destroy();
    }
  }

  #encode(dispatches: readonly ReadyDispatch[]): GPUCommandBuffer {
    const encoder = this.#owner.device.createCommandEncoder({ label: 'run' });
    const pass = encoder.beginComputePass({ label: 'run' });
    let current: GPUComputePipeline | undefined;
    for (const { pipeline, bindGroup, groups } of dispatches) {
      if (pipeline !== current) pass.setPipeline(pipeline);
      current = pipeline;
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(...groups);
    }
    pass.end();
    return encoder.finish();
  }

  /** The dispatches in submissions of about 50 ms, by how long the last run took. */
  #parts(): ReadyDispatch[][] {
    const count = Math.max(1, Math.ceil(this.#milliseconds / SUBMISSION_MILLISECONDS));
    const share = this.#dispatches.reduce((sum, { weight }) => sum + weight, 0) / count;
    const parts: ReadyDispatch[][] = [[]];
    let filled = 0;
    for (const dispatch of this.#dispatches) {
      parts.at(-1)?.push(dispatch);
      filled += dispatch.weight;
      if (filled < share) continue;
      parts.push([]);
      filled = 0;
    }
    return parts.filter((part) => part.length > 0);
  }

  #slab(slab: number): GPUBuffer {
    const buffer = this.#slabs[slab];
    if (buffer === undefined) throw new EngineError(`webgpu: there is no slab ${slab}.`);
    return buffer;
  }

  #named(name: string): Value {
    const value = this.#plan.outputs.get(name) ?? this.#plan.states.get(name) ?? this.#plan.inputs.get(name);
    if (value === undefined) throw new EngineError(`webgpu: there is no tensor ${name} to read.`);
    return value;
  }

  #usable(): void {
    this.#owner.alive();
    if (this.#disposed) throw new EngineError('webgpu: this program was disposed.');
  }
}

function convert(value: Value, data: Float32Array | Int32Array): Float32Array | Int32Array {
  return value.dtype === 'i32' ? Int32Array.from(data) : Float32Array.from(data);
}

/** The words as bytes of a memory that is not shared, which is all that a queue takes. */
function toBytes(words: Float32Array | Int32Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = words;
  return buffer instanceof ArrayBuffer ? new Uint8Array(buffer, byteOffset, byteLength) : new Uint8Array(words.slice().buffer);
}
