import { EngineError } from '../engineError.ts';
import type { DeviceOwner } from './deviceOwner.ts';
import { packWords, UNIFORM_BYTES, type BoundRange, type Dispatch } from './dispatch.ts';
import type { Pipelines } from './pipelines.ts';
import type { Shader } from './shader.ts';

/** A dispatch with its pipeline and buffers. */
export interface ReadyDispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly groups: readonly [number, number, number];
  /** Share of a run's time, in any unit. */
  readonly weight: number;
  readonly label: string;
  readonly flops: number;
}

/** Where a range lies that a kernel binds under this number. */
export type FindBuffer = (
  range: BoundRange,
  binding: number,
  shader: Shader,
) => { readonly buffer: GPUBuffer; readonly offset: number } | undefined;

/**
 * Puts the dispatches' sizes into one uniform buffer and binds everything.
 *
 * @param uniforms of {@link UNIFORM_BYTES} a dispatch
 * @throws EngineError with kernel, operation, tensors and bytes where the device refuses
 */
export async function bindDispatches(
  owner: DeviceOwner,
  pipelines: Pipelines,
  dispatches: readonly Dispatch[],
  uniforms: GPUBuffer,
  find: FindBuffer,
): Promise<ReadyDispatch[]> {
  const { device } = owner;
  const bytes = new ArrayBuffer(Math.max(1, dispatches.length) * UNIFORM_BYTES);
  const view = new DataView(bytes);
  dispatches.forEach(({ sizes }, index) => packWords(sizes, view, index * UNIFORM_BYTES));
  device.queue.writeBuffer(uniforms, 0, bytes);
  const made = await Promise.all(dispatches.map(({ shader }) => pipelines.get(shader)));
  const bind = ({ bindings, groups, flops, label, shader }: Dispatch, index: number): ReadyDispatch => {
    const name = `${shader.name}: ${label}`;
    const pipeline = made[index];
    if (pipeline === undefined) throw new EngineError(`webgpu: ${name} has no pipeline.`);
    const entries: GPUBindGroupEntry[] = [
      { binding: 0, resource: { buffer: uniforms, offset: index * UNIFORM_BYTES, size: UNIFORM_BYTES } },
    ];
    let moved = 0;
    for (const [binding, range] of bindings) {
      const place = find(range, binding, shader);
      if (place === undefined) throw new EngineError(`webgpu: ${range.label} has no buffer.`);
      entries.push({ binding, resource: { ...place, size: range.size } });
      moved += range.size;
    }
    const bindGroup = device.createBindGroup({ label: name, layout: pipeline.getBindGroupLayout(0), entries });
    // Moving a byte costs a few operations' time; exact enough for pacing.
    return { pipeline, bindGroup, groups, weight: flops + 4 * moved, label: name, flops };
  };
  try {
    return await owner.scoped('bind groups', () => dispatches.map(bind));
  } catch (error) {
    // Once more one by one: the error that they share does not say whose it is.
    for (const [index, dispatch] of dispatches.entries())
      await owner.scoped(`kernel ${dispatch.shader.name} for ${dispatch.label}, ${boundTo(dispatch)}`, () => bind(dispatch, index), {
        kernel: dispatch.shader.name,
        buffers: [...dispatch.bindings.values()].map(({ label, size }) => ({ label, bytes: size })),
      });
    throw error;
  }
}

function boundTo({ bindings }: Dispatch): string {
  return [...bindings].map(([binding, { label, size }]) => `binding ${binding} ${label} of ${size} bytes`).join(', ');
}
