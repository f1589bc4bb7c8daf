import { bindDispatches, type ReadyDispatch } from '../binding.ts';
import { USAGE, type DeviceOwner } from '../deviceOwner.ts';
import { UNIFORM_BYTES, type Dispatch } from '../dispatch.ts';
import type { Pipelines } from '../pipelines.ts';

/** Dispatches with memory to work on. */
export interface Timed {
  readonly dispatches: readonly ReadyDispatch[];
  /** Part of the product that a run does, above 0 to 1. */
  readonly share: number;
}

/** Numbers that operands are filled with, again and again: zeros would let some GPUs run faster than they do. */
const BLOCK_BYTES = 2 ** 20;
/** One measured dispatch does no more than this: a large product on a slow GPU would trip the driver's watchdog. */
const MOST_FLOPS = 2e9;

/** Runs kernels on scratch buffers, one a binding, and tells how long they take. */
export class Stopwatch {
  readonly #owner: DeviceOwner;
  readonly #pipelines: Pipelines;
  readonly #buffers = new Map<number, GPUBuffer>();
  readonly #uniforms: GPUBuffer[] = [];

  private constructor(owner: DeviceOwner, pipelines: Pipelines) {
    this.#owner = owner;
    this.#pipelines = pipelines;
  }

  /**
   * @param dispatches all that will be measured, for the sizes of the buffers
   * @throws EngineError where the device has no memory for them
   */
  static async create(owner: DeviceOwner, pipelines: Pipelines, dispatches: Iterable<Dispatch>): Promise<Stopwatch> {
    const sizes = new Map<number, number>();
    for (const { bindings } of dispatches)
      for (const [binding, { size }] of bindings) sizes.set(binding, Math.max(size, sizes.get(binding) ?? 0));
    const watch = new Stopwatch(owner, pipelines);
    try {
      for (const [binding, size] of sizes)
        watch.#buffers.set(binding, await owner.buffer(`measured ${binding}`, size, USAGE.storage | USAGE.copyTarget));
      await watch.#fill();
    } catch (error) {
      watch.dispose();
      throw error;
    }
    return watch;
  }

  /** Compiles kernels and binds them. @throws EngineError where one does not compile, or is more than the device takes */
  async prepare(dispatches: readonly Dispatch[]): Promise<Timed> {
    const uniforms = await this.#owner.buffer('measured sizes', dispatches.length * UNIFORM_BYTES, USAGE.uniform | USAGE.copyTarget);
    this.#uniforms.push(uniforms);
    const ready = await bindDispatches(this.#owner, this.#pipelines, dispatches, uniforms, (_, binding) => {
      const buffer = this.#buffers.get(binding);
      return buffer === undefined ? undefined : { buffer, offset: 0 };
    });
    const [only] = ready;
    if (only === undefined || ready.length > 1) return { dispatches: ready, share: 1 };
    // Whole rows of workgroups are left out. Several dispatches hand work on to each other, and stay whole.
    const [x, y, z] = only.groups;
    const kept = Math.max(1, Math.ceil((y * MOST_FLOPS) / Math.max(MOST_FLOPS, only.flops)));
    return { dispatches: [{ ...only, groups: [x, kept, z] }], share: kept / y };
  }

  /** Compiles side by side what {@link prepare} would compile one by one: beside measuring, it would slow what is measured. */
  async compile(dispatches: readonly Dispatch[]): Promise<void> {
    // Those that fail say so when they are prepared.
    await Promise.allSettled(dispatches.map(({ shader }) => this.#pipelines.get(shader)));
  }

  /** Milliseconds of one whole product, handed over `times` times at once. @throws EngineError for what the device refuses */
  async time({ dispatches, share }: Timed, times: number): Promise<number> {
    const { device } = this.#owner;
    const started = performance.now();
    await this.#owner.scoped('measuring a kernel', () => {
      const encoder = device.createCommandEncoder({ label: 'measure' });
      const pass = encoder.beginComputePass({ label: 'measure' });
      for (let i = 0; i < times; i++)
        for (const { pipeline, bindGroup, groups } of dispatches) {
          pass.setPipeline(pipeline);
          pass.setBindGroup(0, bindGroup);
          pass.dispatchWorkgroups(...groups);
        }
      pass.end();
      device.queue.submit([encoder.finish()]);
    });
    await this.#owner.guard(device.queue.onSubmittedWorkDone());
    return (performance.now() - started) / times / share;
  }

  dispose(): void {
    for (const buffer of [...this.#buffers.values(), ...this.#uniforms]) buffer.destroy();
  }

  async #fill(): Promise<void> {
    const { device } = this.#owner;
    const numbers = Float32Array.from({ length: BLOCK_BYTES / 4 }, (_, i) => ((i * 7919) % 1009) / 1009 - 0.5);
    const block = await this.#owner.buffer('numbers', BLOCK_BYTES, USAGE.copySource | USAGE.copyTarget);
    try {
      device.queue.writeBuffer(block, 0, numbers);
      await this.#owner.scoped('filling buffers', () => {
        const encoder = device.createCommandEncoder({ label: 'fill' });
        for (const buffer of this.#buffers.values())
          for (let offset = 0; offset < buffer.size; offset += BLOCK_BYTES)
            encoder.copyBufferToBuffer(block, 0, buffer, offset, Math.min(BLOCK_BYTES, buffer.size - offset));
        device.queue.submit([encoder.finish()]);
      });
    } finally {
      block.destroy();
    }
  }
}
