import type { Plan } from '../../graph/plan.ts';
import { type Value } from '../../graph/value.ts';
import { decodeHalf, encodeHalf } from '../../tensor/float16.ts';
import { sizeOf } from '../../tensor/shape.ts';
import type { Program } from '../engine.ts';
import { EngineError } from '../engineError.ts';
import { rowMajor } from '../rowMajor.ts';
import type { ReadyDispatch } from './binding.ts';
import { MAP_READ, USAGE, type DeviceOwner } from './deviceOwner.ts';
import { timeKernels, type RunTimes } from './kernelTimes.ts';
import { Pacing, type Part } from './pacing.ts';
import type { ProgramMemory } from './programMemory.ts';

/** All bits of a half's exponent: of infinities and NaN alone. */
const INFINITE_HALF = 0x7c00;
const MOST_IN_HALF = 65_504;
/** Ordinary runs whose time is taken beside the kernels'. */
const TIMED_RUNS = 3;

/** A plan on a device. `run` hands work over and returns while it is going on; one more run waits behind it at most. */
export class WebGpuProgram implements Program {
  readonly ahead = 1;
  readonly #owner: DeviceOwner;
  readonly #plan: Plan;
  readonly #memory: ProgramMemory;
  readonly #slabs: readonly GPUBuffer[];
  readonly #others: readonly GPUBuffer[];
  readonly #dispatches: readonly ReadyDispatch[];
  /** The last run and the one before it, while they go on. */
  #running: Promise<void> = Promise.resolve();
  #before: Promise<void> = Promise.resolve();
  /** When a run last ended. */
  #ended = 0;
  readonly #pacing: Pacing;
  #submissions = 0;
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
    this.#pacing = new Pacing(dispatches.map(({ weight }) => weight));
  }

  /** Kernels that one run starts. */
  get dispatchCount(): number {
    return this.#dispatches.length;
  }

  /** Bytes of inputs, states and temporaries, without scratch memory. */
  get tensorBytes(): number {
    return this.#slabs.reduce((sum, { size }) => sum + size, 0);
  }

  /** In how many pieces the last run was handed over. */
  get submissions(): number {
    return this.#submissions;
  }

  write(name: string, data: Float32Array | Int32Array): void {
    this.#usable();
    const value = this.#plan.inputs.get(name) ?? this.#plan.states.get(name);
    if (value === undefined) throw new EngineError(`webgpu: there is no input or state ${name} to write.`);
    if (data.length !== value.storage.size)
      throw new EngineError(`webgpu: ${name} — expected ${value.storage.size} numbers, got ${data.length}.`);
    const words = data instanceof Float32Array === (value.dtype === 'f32') ? data : convert(value, data);
    const width = this.#memory.width(value);
    const bytes = width === 2 ? halfBytes(name, words) : toBytes(words);
    for (const { slab, offset, first, count } of this.#memory.pieces(value))
      this.#owner.device.queue.writeBuffer(this.#slab(slab), offset, bytes, first * width, wholeWords(count * width));
  }

  async run(): Promise<void> {
    this.#usable();
    await this.#owner.guard(this.#pacing.known ? this.#before : this.#running);
    this.#usable();
    const { queue } = this.#owner.device;
    this.#submissions = 0;
    const started = performance.now();
    if (this.#pacing.known) {
      for (const part of this.#pacing.parts()) this.#submit(part);
      this.#before = this.#running;
      this.#running = this.#done(started);
      // A loss is told by the next call.
      this.#running.catch(() => {});
      return;
    }
    for (let first = 0; first < this.#dispatches.length;) {
      const part = this.#pacing.next(first);
      const before = performance.now();
      this.#submit(part);
      await this.#owner.guard(queue.onSubmittedWorkDone());
      this.#usable();
      this.#pacing.took(part, performance.now() - before);
      first = part.end;
    }
    this.#pacing.tookWhole(performance.now() - started);
  }

  /** Resolves when all that was handed over so far is done. */
  async #done(started: number): Promise<void> {
    await this.#owner.device.queue.onSubmittedWorkDone();
    // Before, the run waited behind another.
    const began = Math.max(started, this.#ended);
    this.#ended = performance.now();
    this.#pacing.tookWhole(this.#ended - began);
  }

  /**
   * Where a run's time goes. Runs the program several times: states move on as in any run.
   * @throws EngineError unless the engine was made with `timestamps`, on an adapter that has them
   */
  async times(): Promise<RunTimes> {
    this.#usable();
    if (!this.#owner.device.features.has('timestamp-query'))
      throw new EngineError(
        'webgpu: kernels cannot be timed — expected a device with timestamp-query, got one without. Make the engine with timestamps, on an adapter that has them.',
      );
    // Known pace, and nothing compiled on the way.
    for (let i = 0; i < 2; i++) await this.run();
    await this.#owner.guard(this.#running);
    const started = performance.now();
    for (let i = 0; i < TIMED_RUNS; i++) await this.run();
    await this.#owner.guard(this.#running);
    const milliseconds = (performance.now() - started) / TIMED_RUNS;
    const kernels = await timeKernels(this.#owner, this.#dispatches);
    const busy = kernels.reduce((sum, kernel) => sum + kernel.milliseconds, 0);
    return { kernels, milliseconds, busyShare: Math.min(1, busy / milliseconds) };
  }

  #submit({ first, end }: Part): void {
    this.#owner.device.queue.submit([this.#encode(this.#dispatches.slice(first, end))]);
    this.#submissions += 1;
  }

  async read(name: string): Promise<Float32Array> {
    const value = this.#named(name);
    const bytes = await this.#fetch(value);
    const words = this.#memory.isHalf(value) ? decodeHalf(new Uint16Array(bytes, 0, value.storage.size)) : new Float32Array(bytes);
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
    const width = this.#memory.width(value);
    const size = wholeWords(value.storage.size * width);
    const label = `read ${value.storage.label}`;
    const copy = await this.#owner.scoped(
      `${label}, ${size} bytes`,
      () => {
        const staging = device.createBuffer({ label, size, usage: USAGE.copyTarget | USAGE.mapRead });
        const encoder = device.createCommandEncoder({ label });
        for (const { slab, offset, first, count } of this.#memory.pieces(value))
          encoder.copyBufferToBuffer(this.#slab(slab), offset, staging, first * width, wholeWords(count * width));
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

/** Bytes of copies are whole words of four: the padding behind a tensor is its own. */
function wholeWords(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}

/**
 * Rounded to half precision, with room for whole words.
 * @throws EngineError for a number that half precision does not hold
 */
function halfBytes(name: string, words: Float32Array | Int32Array): Uint8Array<ArrayBuffer> {
  const floats = words instanceof Float32Array ? words : Float32Array.from(words);
  const halves = encodeHalf(floats);
  const beyond = halves.findIndex((bits) => (bits & INFINITE_HALF) === INFINITE_HALF);
  if (beyond >= 0)
    throw new EngineError(
      `webgpu: ${name} — expected numbers from -${MOST_IN_HALF} to ${MOST_IN_HALF}, which is all that float16 storage holds, got ${floats[beyond] ?? Number.NaN} at ${beyond}. Store weights in float32.`,
      { tensor: name, place: beyond },
    );
  const bytes = new Uint8Array(wholeWords(2 * halves.length));
  bytes.set(new Uint8Array(halves.buffer));
  return bytes;
}

/** The words as bytes of a memory that is not shared, which is all that a queue takes. */
function toBytes(words: Float32Array | Int32Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = words;
  return buffer instanceof ArrayBuffer ? new Uint8Array(buffer, byteOffset, byteLength) : new Uint8Array(words.slice().buffer);
}
