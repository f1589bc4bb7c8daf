import type { Plan } from '../../graph/plan.ts';
import { type Value } from '../../graph/value.ts';
import { decodeHalf, encodeHalf } from '../../tensor/float16.ts';
import { sizeOf } from '../../tensor/shape.ts';
import type { Program } from '../engine.ts';
import { EngineError } from '../engineError.ts';
import { rowMajor } from '../rowMajor.ts';
import type { ReadyDispatch } from './binding.ts';
import { MAP_READ, USAGE, type DeviceOwner } from './deviceOwner.ts';
import { firstRun } from './firstRun.ts';
import { timeKernels, type RunTimes } from './kernelTimes.ts';
import { Pacing, type DevicePace, type Part } from './pacing.ts';
import type { ProgramMemory } from './programMemory.ts';

/** All bits of a half's exponent: of infinities and NaN alone. */
const INFINITE_HALF = 0x7c00;
const MOST_IN_HALF = 65_504;
/** Ordinary runs whose time is taken beside the kernels'. */
const TIMED_RUNS = 3;

/** Beyond this wait for news of a run, in milliseconds, two more runs are handed over while the host waits. */
const LONG_LATENCY = 50;

/** A plan on a device. `run` hands work over and returns while it is going on; `ahead` more runs wait behind it at most. */
export class WebGpuProgram implements Program {
  readonly ahead: number;
  readonly #owner: DeviceOwner;
  readonly #plan: Plan;
  readonly #memory: ProgramMemory;
  readonly #slabs: readonly GPUBuffer[];
  readonly #others: readonly GPUBuffer[];
  readonly #dispatches: readonly ReadyDispatch[];
  /** The last runs, the latest last: they may be going on. */
  #running: readonly Promise<void>[] = [];
  /** Runs that were handed over, and of whose end nothing was heard. */
  #unheard = 0;
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
    pace: DevicePace,
  ) {
    this.ahead = pace.latency > LONG_LATENCY ? 3 : 1;
    this.#owner = owner;
    this.#plan = plan;
    this.#memory = memory;
    this.#slabs = slabs;
    this.#others = others;
    this.#dispatches = dispatches;
    this.#pacing = new Pacing(
      dispatches.map(({ weight }) => weight),
      pace,
    );
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
    await this.#owner.guard(this.#pacing.known ? (this.#running.at(-this.ahead - 1) ?? Promise.resolve()) : this.#last);
    this.#usable();
    this.#submissions = 0;
    if (!this.#pacing.known) {
      await firstRun(this.#pacing, this.#dispatches.length, (part) => this.#submitAndWait(part));
      return;
    }
    const started = performance.now();
    const behind = this.#unheard > 0;
    for (const part of this.#pacing.parts()) this.#submit(part);
    const done = this.#done(started, behind);
    this.#running = [...this.#running.slice(-this.ahead), done];
    // A loss is told by the next call.
    done.catch(() => {});
  }

  #submitAndWait(part: Part): () => Promise<void> {
    this.#submit(part);
    const done = this.#owner.device.queue.onSubmittedWorkDone();
    // Heard by whoever waits, unless an earlier piece fails.
    done.catch(() => {});
    return async () => {
      await this.#owner.guard(done);
      this.#usable();
    };
  }

  /** The last run, if it goes on. */
  get #last(): Promise<void> {
    return this.#running.at(-1) ?? Promise.resolve();
  }

  /** Resolves when all that was handed over so far is done. */
  async #done(started: number, behind: boolean): Promise<void> {
    this.#unheard += 1;
    try {
      await this.#owner.device.queue.onSubmittedWorkDone();
    } finally {
      this.#unheard -= 1;
    }
    // Before, the run waited behind another.
    const began = Math.max(started, this.#ended);
    this.#ended = performance.now();
    this.#pacing.tookWhole(this.#ended - began, behind);
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
    await this.#owner.guard(this.#last);
    const started = performance.now();
    for (let i = 0; i < TIMED_RUNS; i++) await this.run();
    await this.#owner.guard(this.#last);
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
