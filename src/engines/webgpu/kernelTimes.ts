import type { ReadyDispatch } from './binding.ts';
import { MAP_READ, USAGE, type DeviceOwner } from './deviceOwner.ts';

/** What one dispatch took by the GPU's own clock. */
export interface KernelTime {
  /** Kernel and operation. */
  readonly label: string;
  readonly flops: number;
  readonly milliseconds: number;
}

/** Where a run's time goes. */
export interface RunTimes {
  readonly kernels: readonly KernelTime[];
  /** Of an ordinary run beside others, handed over to done, without this clock. */
  readonly milliseconds: number;
  /** The kernels' time in an ordinary run's, 0 to 1: the rest is launching, and waiting for the host. */
  readonly busyShare: number;
}

/** Dispatches that are timed at once: two timestamps each, of at most 4096 in a set. */
const AT_ONCE = 64;

/**
 * Runs every dispatch in a pass of its own between two timestamps, a few dozen a submission.
 * @returns one entry a dispatch, in order
 */
export async function timeKernels(owner: DeviceOwner, dispatches: readonly ReadyDispatch[]): Promise<KernelTime[]> {
  const { device } = owner;
  const count = 2 * AT_ONCE;
  const queries = await owner.scoped(`${count} timestamps`, () => device.createQuerySet({ label: 'timestamps', type: 'timestamp', count }));
  const bytes = count * 8;
  const [resolved, staging] = await owner.scoped(`timestamps, ${bytes} bytes`, () => [
    device.createBuffer({ label: 'timestamps', size: bytes, usage: USAGE.queryResolve | USAGE.copySource }),
    device.createBuffer({ label: 'timestamps read', size: bytes, usage: USAGE.copyTarget | USAGE.mapRead }),
  ]);
  const times: KernelTime[] = [];
  try {
    for (let first = 0; first < dispatches.length; first += AT_ONCE) {
      const part = dispatches.slice(first, first + AT_ONCE);
      await owner.scoped(`timing ${part.length} kernels`, () => {
        const encoder = device.createCommandEncoder({ label: 'timed run' });
        part.forEach(({ pipeline, bindGroup, groups, label }, index) => {
          const timestampWrites = { querySet: queries, beginningOfPassWriteIndex: 2 * index, endOfPassWriteIndex: 2 * index + 1 };
          const pass = encoder.beginComputePass({ label, timestampWrites });
          pass.setPipeline(pipeline);
          pass.setBindGroup(0, bindGroup);
          pass.dispatchWorkgroups(...groups);
          pass.end();
        });
        encoder.resolveQuerySet(queries, 0, 2 * part.length, resolved, 0);
        encoder.copyBufferToBuffer(resolved, 0, staging, 0, 16 * part.length);
        device.queue.submit([encoder.finish()]);
      });
      await owner.guard(staging.mapAsync(MAP_READ));
      const nanoseconds = new BigUint64Array(staging.getMappedRange().slice(0));
      staging.unmap();
      part.forEach(({ label, flops }, index) => {
        const span = (nanoseconds[2 * index + 1] ?? 0n) - (nanoseconds[2 * index] ?? 0n);
        // Some drivers' clocks step back when the GPU changes its frequency.
        times.push({ label, flops, milliseconds: span < 0n ? 0 : Number(span) / 1e6 });
      });
    }
  } finally {
    queries.destroy();
    resolved.destroy();
    staging.destroy();
  }
  return times;
}
