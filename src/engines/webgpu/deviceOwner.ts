import { DeviceLostError } from '../deviceLost.ts';
import { EngineError } from '../engineError.ts';
import { OutOfMemoryError } from '../outOfMemory.ts';
import { sizeInWords } from '../../tensor/bytes.ts';
import { readable } from './readable.ts';

/** Buffer usages by their bits in the WebGPU specification: Node has no global names for them. */
export const USAGE = { mapRead: 1, copySource: 4, copyTarget: 8, uniform: 0x40, storage: 0x80, queryResolve: 0x200 } as const;
export const MAP_READ = 1;

/** A device with its errors: what was lost, and what failed without anybody waiting for it. */
export class DeviceOwner {
  readonly device: GPUDevice;
  readonly #lost: Promise<never>;
  #fault: EngineError | DeviceLostError | undefined;
  #disposed = false;

  constructor(device: GPUDevice) {
    this.device = device;
    this.#lost = device.lost.then(({ reason, message }) => {
      const error = this.#disposed
        ? new EngineError('webgpu: this engine was disposed.')
        : new DeviceLostError(
            `webgpu: the device was lost (${reason}${message === '' ? '' : `: ${firstLine(message)}`}). Make the engine anew and go on from the last checkpoint.`,
            { reason },
          );
      this.#fault = error;
      throw error;
    });
    // Heard through `alive` and `guard`.
    this.#lost.catch(() => {});
    device.addEventListener('uncapturederror', (event) => {
      this.#fault ??= new EngineError(`webgpu: ${readable(event.error.message)}`, { message: event.error.message });
    });
  }

  /** @throws DeviceLostError or EngineError if the device can't be used any more */
  alive(): void {
    if (this.#fault !== undefined) throw this.#fault;
  }

  /** The work's result, or the loss of the device, whichever comes first. */
  async guard<T>(work: Promise<T>): Promise<T> {
    this.alive();
    let result: T;
    try {
      result = await Promise.race([work, this.#lost]);
    } catch (error) {
      // Calls that a loss aborts may reject before the loss itself is told.
      await Promise.race([this.#lost, new Promise((resolve) => setTimeout(resolve, 50))]);
      throw error;
    }
    this.alive();
    return result;
  }

  /**
   * Makes something under error scopes.
   * @param what kernel or buffer and bytes, for the message
   */
  async scoped<T>(what: string, make: () => T, details: Readonly<Record<string, unknown>> = {}): Promise<T> {
    const { device } = this;
    this.alive();
    for (const filter of ['internal', 'validation', 'out-of-memory'] as const) device.pushErrorScope(filter);
    let made: T;
    const pops: Promise<GPUError | null>[] = [];
    try {
      made = make();
    } finally {
      pops.push(device.popErrorScope(), device.popErrorScope(), device.popErrorScope());
    }
    const [memory, validation, internal] = await this.guard(Promise.all(pops));
    if (memory)
      throw new OutOfMemoryError(`webgpu: ${what} — out of memory. Close other programs, or choose what takes less memory.`, details);
    const error = validation ?? internal;
    if (error) throw new EngineError(`webgpu: ${what} — ${readable(error.message)}`, details);
    return made;
  }

  /** A buffer of 16 bytes at least. @throws EngineError if there is no memory for it, with its name and size */
  buffer(label: string, size: number, usage: number): Promise<GPUBuffer> {
    return this.scoped(
      `buffer ${label}, ${sizeInWords(size)}`,
      () => this.device.createBuffer({ label, size: Math.max(16, size), usage }),
      {
        buffer: label,
        bytes: size,
      },
    );
  }

  dispose(): void {
    this.#disposed = true;
    this.device.destroy();
  }
}

function firstLine(message: string): string {
  return message.split('\n')[0] ?? message;
}
