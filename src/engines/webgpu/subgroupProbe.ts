import { MAP_READ, USAGE, type DeviceOwner } from './deviceOwner.ts';
import { Pipelines } from './pipelines.ts';

/** Workgroups of the probe: enough to meet every kind of core that a device may have. */
const GROUPS = 64;

/**
 * Whether a workgroup of this many invocations is exactly one subgroup, as kernels assume that sum by `subgroupAdd` alone. WGSL does
 * not promise it, and some drivers report sizes that they do not use.
 *
 * @param size what the adapter reports, for every subgroup; 0 if it has none or several sizes
 * @returns `size`, or 0 if sums by subgroups would be wrong
 */
export async function provenSubgroupSize(owner: DeviceOwner, size: number): Promise<number> {
  if (size === 0 || size > owner.device.limits.maxComputeWorkgroupSizeX) return 0;
  const count = GROUPS * size;
  const pipeline = await new Pipelines(owner).get({ name: 'subgroup probe', entry: 'probe', code: wgsl(size) });
  const made: GPUBuffer[] = [];
  try {
    const bytes = count * 8;
    const found = await owner.buffer('subgroup probe', bytes, USAGE.storage | USAGE.copySource);
    made.push(found);
    const copy = await owner.buffer('subgroup probe, read', bytes, USAGE.mapRead | USAGE.copyTarget);
    made.push(copy);
    await owner.scoped('subgroup probe', () => {
      const { device } = owner;
      const entries = [{ binding: 0, resource: { buffer: found } }];
      const encoder = device.createCommandEncoder({ label: 'subgroup probe' });
      const pass = encoder.beginComputePass({ label: 'subgroup probe' });
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
      pass.dispatchWorkgroups(GROUPS);
      pass.end();
      encoder.copyBufferToBuffer(found, 0, copy, 0, bytes);
      device.queue.submit([encoder.finish()]);
    });
    await owner.guard(copy.mapAsync(MAP_READ, 0, bytes));
    return isOneSubgroup(new Uint32Array(copy.getMappedRange(0, bytes)), size) ? size : 0;
  } finally {
    for (const buffer of made) buffer.destroy();
  }
}

/**
 * Whether all workgroups of `size` invocations were one subgroup each.
 * @param found sum of ones and lane number of every invocation, a workgroup's side by side
 */
export function isOneSubgroup(found: Uint32Array, size: number): boolean {
  for (let first = 0; first < found.length; first += 2 * size) {
    const lanes = new Set<number>();
    for (let i = first; i < first + 2 * size; i += 2) {
      const [sum = 0, lane = size] = found.subarray(i, i + 2);
      if (sum !== size || lane >= size) return false;
      lanes.add(lane);
    }
    if (lanes.size !== size) return false;
  }
  return true;
}

function wgsl(size: number): string {
  return `enable subgroups;
@group(0) @binding(0) var<storage, read_write> found: array<vec2u>;
@compute @workgroup_size(${size})
fn probe(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) id: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  found[group.x * ${size}u + id] = vec2u(subgroupAdd(1u), lane);
}
`;
}
