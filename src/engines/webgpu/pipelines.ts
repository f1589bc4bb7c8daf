import { EngineError } from '../engineError.ts';
import type { DeviceOwner } from './deviceOwner.ts';
import { readable } from './readable.ts';
import type { Shader } from './shader.ts';

/** Compiled kernels of one device, by their text. */
export class Pipelines {
  readonly #owner: DeviceOwner;
  readonly #known = new Map<string, Promise<GPUComputePipeline>>();

  constructor(owner: DeviceOwner) {
    this.#owner = owner;
  }

  /**
   * Compiles what is not known yet, all at once.
   * @param progress how many of the kernels that were not known are ready
   */
  async compile(shaders: Iterable<Shader>, progress: (done: number, total: number) => void = () => {}): Promise<void> {
    const known = new Set(this.#known.keys());
    const waiting = new Map<string, Promise<GPUComputePipeline>>();
    for (const shader of shaders) waiting.set(keyOf(shader), this.get(shader));
    const total = [...waiting.keys()].filter((key) => !known.has(key)).length;
    let done = 0;
    if (total > 0) progress(done, total);
    await Promise.all(
      [...waiting].map(async ([key, pipeline]) => {
        await pipeline;
        if (known.has(key)) return;
        done += 1;
        progress(done, total);
      }),
    );
  }

  get(shader: Shader): Promise<GPUComputePipeline> {
    const key = keyOf(shader);
    let pipeline = this.#known.get(key);
    if (pipeline === undefined) {
      pipeline = this.#make(shader);
      this.#known.set(key, pipeline);
      // What failed may be tried again: the device may have had no memory.
      pipeline.catch(() => this.#known.delete(key));
    }
    return pipeline;
  }

  async #make(shader: Shader): Promise<GPUComputePipeline> {
    const { device } = this.#owner;
    this.#owner.alive();
    device.pushErrorScope('validation');
    const module = device.createShaderModule({ label: shader.name, code: shader.code });
    const scope = device.popErrorScope();
    const made = device.createComputePipelineAsync({
      label: shader.name,
      layout: 'auto',
      compute: { module, entryPoint: shader.entry },
    });
    try {
      await this.#owner.guard(scope);
      return await this.#owner.guard(made);
    } catch (error) {
      this.#owner.alive();
      throw await describe(shader, module, error);
    }
  }
}

function keyOf({ code, entry }: Shader): string {
  return `${entry}\n${code}`;
}

/** The compiler's words with line, column and the line of WGSL itself. */
async function describe(shader: Shader, module: GPUShaderModule, error: unknown): Promise<EngineError> {
  const lines = shader.code.split('\n');
  const { messages } = await module.getCompilationInfo();
  const faults = messages
    .filter(({ type }) => type === 'error')
    .map(({ lineNum, linePos, message }) => `${lineNum}:${linePos} ${readable(message)} | ${lines[lineNum - 1] ?? ''}`);
  const reason = faults.length > 0 ? faults.join('; ') : readable(error instanceof Error ? error.message : String(error));
  return new EngineError(`webgpu: kernel ${shader.name} did not compile — ${reason}`, { kernel: shader.name, wgsl: shader.code });
}
