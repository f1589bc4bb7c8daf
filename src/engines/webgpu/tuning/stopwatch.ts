import { bindDispatches, type ReadyDispatch } from '../binding.ts';
import { MAP_READ, USAGE, type DeviceOwner } from '../deviceOwner.ts';
import { UNIFORM_BYTES, type BoundRange, type Dispatch } from '../dispatch.ts';
import type { Pipelines } from '../pipelines.ts';
import type { Shader } from '../shader.ts';
import { SumsOf } from './sumsOf.ts';
import { block, BLOCK_BYTES, keptGroups, type Truth } from './truth.ts';

/** Dispatches with memory to work on. */
export interface Timed {
  readonly dispatches: readonly ReadyDispatch[];
  /** Part of the product that a run does, above 0 to 1. */
  readonly share: number;
  /** Where its sums are. */
  readonly sums: GPUBuffer;
}

/** An answer that is on its way. */
export type Awaited = () => Promise<number>;

/** A sample shorter than this is launch time and the clock's grain more than work. */
const SAMPLE_MILLISECONDS = 8;
/** A sample is this many times as long as the host waits to hear of it. */
const LATENCIES_A_SAMPLE = 10;
/** Beyond this wait, in milliseconds, work is handed over while the host waits to hear of earlier work. */
const SHORT_LATENCY = 5;
/** Samples that are timed at once by the device's own clock, by two timestamps each. */
const MOST_AT_ONCE = 16;

/** Runs kernels on scratch buffers, one a binding, and tells how long they take, and what they compute. */
export class Stopwatch {
  /** Milliseconds that a sample must take so that its time can be told. */
  readonly sampleMilliseconds: number;
  readonly #owner: DeviceOwner;
  readonly #pipelines: Pipelines;
  readonly #latency: number;
  readonly #buffers = new Map<string, GPUBuffer>();
  readonly #uniforms: GPUBuffer[] = [];
  readonly #sums: SumsOf;
  /** The device's own clock, if it has one and waiting for it tells little. */
  #clock: { readonly queries: GPUQuerySet; readonly resolved: GPUBuffer; readonly staging: GPUBuffer } | undefined;

  private constructor(owner: DeviceOwner, pipelines: Pipelines, latency: number) {
    this.#owner = owner;
    this.#pipelines = pipelines;
    this.#latency = latency;
    this.#sums = new SumsOf(owner, pipelines);
    const bound = LATENCIES_A_SAMPLE * latency;
    this.sampleMilliseconds = bound > SAMPLE_MILLISECONDS && !owner.device.features.has('timestamp-query') ? bound : SAMPLE_MILLISECONDS;
  }

  /**
   * @param latency milliseconds that the host waits to hear that nothing is done
   * @param dispatches all that will be measured, for the sizes of the buffers
   * @throws EngineError if the device has no memory for them
   */
  static async create(owner: DeviceOwner, pipelines: Pipelines, latency: number, dispatches: Iterable<Dispatch>): Promise<Stopwatch> {
    const sizes = new Map<string, number>();
    for (const { bindings, shader } of dispatches)
      for (const [binding, range] of bindings) {
        const key = keyOf(range, binding, shader);
        sizes.set(key, Math.max(range.size, sizes.get(key) ?? 0));
      }
    const watch = new Stopwatch(owner, pipelines, latency);
    try {
      for (const [key, size] of sizes)
        watch.#buffers.set(key, await owner.buffer(`measured ${key}`, size, USAGE.storage | USAGE.copyTarget));
      await watch.#fill();
      if (LATENCIES_A_SAMPLE * latency > SAMPLE_MILLISECONDS && owner.device.features.has('timestamp-query')) await watch.#windUp();
    } catch (error) {
      watch.dispose();
      throw error;
    }
    return watch;
  }

  /** Whether the host waits so long to hear of work that more of it is handed over meanwhile. */
  get waitsLong(): boolean {
    return this.#latency > SHORT_LATENCY;
  }

  /** Compiles kernels and binds them. @throws EngineError if one does not compile, or is more than the device takes */
  async prepare(dispatches: readonly Dispatch[]): Promise<Timed> {
    const uniforms = await this.#owner.buffer('measured sizes', dispatches.length * UNIFORM_BYTES, USAGE.uniform | USAGE.copyTarget);
    this.#uniforms.push(uniforms);
    let written: GPUBuffer | undefined;
    const ready = await bindDispatches(this.#owner, this.#pipelines, dispatches, uniforms, (range, binding, shader) => {
      const buffer = this.#buffers.get(keyOf(range, binding, shader));
      if (isWritten(shader, binding)) written = buffer;
      return buffer === undefined ? undefined : { buffer, offset: 0 };
    });
    const sums = written ?? uniforms;
    const [only] = ready;
    if (only === undefined || ready.length > 1) return { dispatches: ready, share: 1, sums };
    const [x, y, z] = only.groups;
    const kept = keptGroups(only);
    return { dispatches: [{ ...only, groups: [x, kept, z] }], share: kept / y, sums };
  }

  /** Compiles side by side what {@link prepare} would compile one by one: beside measuring, it would slow what is measured. */
  async compile(dispatches: readonly Dispatch[]): Promise<void> {
    // Those that fail say so when they are prepared.
    await Promise.allSettled([this.#sums.compile(), ...dispatches.map(({ shader }) => this.#pipelines.get(shader))]);
  }

  /**
   * Hands one run over, of which the sums at some places are kept.
   * @returns resolves when it is done: to those sums   @throws EngineError for what the device refuses
   */
  async first({ dispatches, sums }: Timed, { places }: Truth): Promise<() => Promise<Float32Array>> {
    const { device } = this.#owner;
    const kept = await this.#sums.keep(sums, places);
    await this.#owner.scoped('a first run of a kernel', () => {
      const encoder = device.createCommandEncoder({ label: 'first run' });
      const pass = encoder.beginComputePass({ label: 'first run' });
      kept.before(pass);
      run(pass, dispatches, 1);
      kept.after(pass);
      pass.end();
      kept.copy(encoder);
      device.queue.submit([encoder.finish()]);
    });
    return kept.read();
  }

  /** Milliseconds of one whole product, handed over `times` times at once. @throws EngineError for what the device refuses */
  async time(timed: Timed, times: number): Promise<number> {
    const [answer] = await this.times([timed], times);
    return (await answer?.()) ?? Infinity;
  }

  /**
   * Milliseconds of whole products, each handed over `times` times at once: one after another, or all before the host waits for the
   * first, if waiting takes long and the device has a clock.
   *
   * @returns one answer each, to be awaited in order
   */
  async times(timed: readonly Timed[], times: number): Promise<readonly Awaited[]> {
    if (this.#clock === undefined) return timed.map((each) => () => this.#waited(each, times));
    const parts: Awaited[] = [];
    for (let first = 0; first < timed.length; first += MOST_AT_ONCE)
      parts.push(...(await this.#clocked(timed.slice(first, first + MOST_AT_ONCE), times)));
    return parts;
  }

  dispose(): void {
    for (const buffer of [...this.#buffers.values(), ...this.#uniforms]) buffer.destroy();
    this.#sums.dispose();
    this.#clock?.queries.destroy();
    this.#clock?.resolved.destroy();
    this.#clock?.staging.destroy();
  }

  /** By the host's clock, from handing over to hearing. */
  async #waited({ dispatches, share }: Timed, times: number): Promise<number> {
    const { device } = this.#owner;
    const started = performance.now();
    await this.#owner.scoped('measuring a kernel', () => {
      const encoder = device.createCommandEncoder({ label: 'measure' });
      const pass = encoder.beginComputePass({ label: 'measure' });
      run(pass, dispatches, times);
      pass.end();
      device.queue.submit([encoder.finish()]);
    });
    await this.#owner.guard(device.queue.onSubmittedWorkDone());
    const taken = performance.now() - started;
    // Of an implementation that waits for ticks, the latency is the longest wait; work itself is never free.
    return Math.max(taken - this.#latency, taken / LATENCIES_A_SAMPLE) / times / share;
  }

  /** By the device's clock, which knows nothing of waiting. */
  async #clocked(timed: readonly Timed[], times: number): Promise<readonly Awaited[]> {
    const { device } = this.#owner;
    const clock = this.#clock;
    if (clock === undefined) return [];
    const { queries: querySet, resolved, staging } = clock;
    const done: Promise<unknown>[] = [];
    for (const [index, { dispatches }] of timed.entries()) {
      await this.#owner.scoped('measuring a kernel', () => {
        const encoder = device.createCommandEncoder({ label: 'measure' });
        const timestampWrites = { querySet, beginningOfPassWriteIndex: 2 * index, endOfPassWriteIndex: 2 * index + 1 };
        const pass = encoder.beginComputePass({ label: 'measure', timestampWrites });
        run(pass, dispatches, times);
        pass.end();
        device.queue.submit([encoder.finish()]);
      });
      const heard = device.queue.onSubmittedWorkDone();
      // Heard through the answers.
      heard.catch(() => {});
      done.push(heard);
    }
    const bytes = 16 * timed.length;
    await this.#owner.scoped('reading the device clock', () => {
      const encoder = device.createCommandEncoder({ label: 'clock' });
      encoder.resolveQuerySet(querySet, 0, 2 * timed.length, resolved, 0);
      encoder.copyBufferToBuffer(resolved, 0, staging, 0, bytes);
      device.queue.submit([encoder.finish()]);
    });
    let spans: Promise<readonly number[]> | undefined;
    const read = async (): Promise<readonly number[]> => {
      await this.#owner.guard(staging.mapAsync(MAP_READ, 0, bytes));
      const nanoseconds = new BigUint64Array(staging.getMappedRange(0, bytes).slice(0));
      staging.unmap();
      return timed.map((_, index) => Number((nanoseconds[2 * index + 1] ?? 0n) - (nanoseconds[2 * index] ?? 0n)) / 1e6);
    };
    return timed.map(({ share }, index) => async () => {
      // If the device is lost, the first that is not done is the one under which it was.
      await this.#owner.guard(done[index] ?? Promise.resolve());
      const span = (await (spans ??= read()))[index] ?? 0;
      // Some drivers' clocks step back when the GPU changes its frequency: a time that tells nothing.
      return span < 0 ? Infinity : span / times / share;
    });
  }

  async #windUp(): Promise<void> {
    const { device } = this.#owner;
    const count = 2 * MOST_AT_ONCE;
    const queries = await this.#owner.scoped(`${count} timestamps`, () =>
      device.createQuerySet({ label: 'timestamps', type: 'timestamp', count }),
    );
    const resolved = await this.#owner.buffer('timestamps', 8 * count, USAGE.queryResolve | USAGE.copySource);
    const staging = await this.#owner.buffer('timestamps read', 8 * count, USAGE.copyTarget | USAGE.mapRead);
    this.#clock = { queries, resolved, staging };
  }

  async #fill(): Promise<void> {
    const { device } = this.#owner;
    const numbers = await this.#owner.buffer('numbers', BLOCK_BYTES, USAGE.copySource | USAGE.copyTarget);
    try {
      device.queue.writeBuffer(numbers, 0, block().bits);
      await this.#owner.scoped('filling buffers', () => {
        const encoder = device.createCommandEncoder({ label: 'fill' });
        for (const buffer of this.#buffers.values())
          for (let offset = 0; offset < buffer.size; offset += BLOCK_BYTES)
            encoder.copyBufferToBuffer(numbers, 0, buffer, offset, Math.min(BLOCK_BYTES, buffer.size - offset));
        device.queue.submit([encoder.finish()]);
      });
    } finally {
      numbers.destroy();
    }
  }
}

/** Scratch memory is what one dispatch hands on to the next; everything else is its kernel's own. */
function keyOf({ place }: BoundRange, binding: number, { entry }: Shader): string {
  return place.kind === 'area' ? `area ${place.number}` : `${entry} ${binding}`;
}

function isWritten({ code }: Shader, binding: number): boolean {
  return new RegExp(`@binding\\(${binding}\\)\\s*var<storage, read_write>`).test(code);
}

function run(pass: GPUComputePassEncoder, dispatches: readonly ReadyDispatch[], times: number): void {
  for (let i = 0; i < times; i++)
    for (const { pipeline, bindGroup, groups } of dispatches) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(...groups);
    }
}
