import { MAP_READ, USAGE, type DeviceOwner } from '../deviceOwner.ts';
import type { Pipelines } from '../pipelines.ts';
import type { Shader } from '../shader.ts';
import { BEFORE } from './truth.ts';

const GROUP = 64;

/** Some numbers of a buffer, spoilt before a kernel runs and kept behind it. */
export interface Kept {
  before(pass: GPUComputePassEncoder): void;
  after(pass: GPUComputePassEncoder): void;
  /** Behind the pass. */
  copy(encoder: GPUCommandEncoder): void;
  /** To be called behind the submission. */
  read(): () => Promise<Float32Array>;
}

/** Reads numbers out of a large buffer at any places, without waiting for more than the numbers. */
export class SumsOf {
  readonly #owner: DeviceOwner;
  readonly #pipelines: Pipelines;
  readonly #made: GPUBuffer[] = [];

  constructor(owner: DeviceOwner, pipelines: Pipelines) {
    this.#owner = owner;
    this.#pipelines = pipelines;
  }

  async compile(): Promise<void> {
    await Promise.all([this.#pipelines.get(shader('spoil')), this.#pipelines.get(shader('keep'))]);
  }

  async keep(sums: GPUBuffer, places: Uint32Array<ArrayBuffer>): Promise<Kept> {
    const owner = this.#owner;
    const { device } = owner;
    const bytes = Math.max(16, places.byteLength);
    const buffer = async (label: string, usage: number): Promise<GPUBuffer> => {
      const made = await owner.buffer(label, bytes, usage);
      this.#made.push(made);
      return made;
    };
    const table = await buffer('places of sums', USAGE.storage | USAGE.copyTarget);
    const kept = await buffer('kept sums', USAGE.storage | USAGE.copySource);
    const staging = await buffer('kept sums, read', USAGE.copyTarget | USAGE.mapRead);
    if (places.length > 0) device.queue.writeBuffer(table, 0, places);
    const start = async (entry: 'spoil' | 'keep', buffers: readonly GPUBuffer[]): Promise<(pass: GPUComputePassEncoder) => void> => {
      const pipeline = await this.#pipelines.get(shader(entry));
      const entries = buffers.map((resource, binding) => ({ binding, resource: { buffer: resource } }));
      const layout = pipeline.getBindGroupLayout(0);
      const group = await owner.scoped(`${entry} sums`, () => device.createBindGroup({ label: entry, layout, entries }));
      return (pass) => {
        if (places.length === 0) return;
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(Math.ceil(places.length / GROUP));
      };
    };
    const [before, after] = [await start('spoil', [table, sums]), await start('keep', [table, sums, kept])];
    return {
      before,
      after,
      copy: (encoder) => encoder.copyBufferToBuffer(kept, 0, staging, 0, bytes),
      read: () => {
        const mapped = staging.mapAsync(MAP_READ);
        // Heard by whoever waits for the numbers.
        mapped.catch(() => {});
        return async () => {
          await owner.guard(mapped);
          return new Float32Array(staging.getMappedRange().slice(0, places.byteLength));
        };
      },
    };
  }

  dispose(): void {
    for (const buffer of this.#made) buffer.destroy();
  }
}

function shader(entry: 'spoil' | 'keep'): Shader {
  const body = { spoil: `sums[places[i]] = ${BEFORE};`, keep: 'kept[i] = sums[places[i]];' }[entry];
  const code = `@group(0) @binding(0) var<storage, read> places: array<u32>;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;
${entry === 'keep' ? '@group(0) @binding(2) var<storage, read_write> kept: array<f32>;' : ''}
@compute @workgroup_size(${GROUP})
fn ${entry}(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i < arrayLength(&places)) {
    ${body}
  }
}
`;
  return { name: `${entry} sums`, code, entry };
}
