import { USAGE, type DeviceOwner } from './deviceOwner.ts';

/** Waits that are measured; the middle one counts. */
const WAITS = 3;
/** Two waits below this, in milliseconds, are enough. */
const SHORT = 5;

/**
 * How long the host waits to hear that a submission of nothing is done: 0.1 ms in some implementations; in Firefox, which looks
 * every 100 ms whether something is done, up to that. What waiting tells of work is at most this much too long.
 *
 * @returns milliseconds
 */
export async function completionLatency(owner: DeviceOwner): Promise<number> {
  const { device } = owner;
  const made: GPUBuffer[] = [];
  try {
    const from = await owner.buffer('latency, from', 16, USAGE.copySource);
    made.push(from);
    const to = await owner.buffer('latency, to', 16, USAGE.copyTarget);
    made.push(to);
    const waits: number[] = [];
    // The first one may begin just before the browser looks, and the driver may wake up in it.
    while (waits.length < WAITS && !(waits.length === 2 && waits.every((wait) => wait < SHORT))) {
      const started = performance.now();
      const encoder = device.createCommandEncoder({ label: 'latency' });
      encoder.copyBufferToBuffer(from, 0, to, 0, 16);
      device.queue.submit([encoder.finish()]);
      await owner.guard(device.queue.onSubmittedWorkDone());
      waits.push(performance.now() - started);
    }
    const sorted = waits.toSorted((a, b) => a - b);
    return sorted.length === WAITS ? (sorted[1] ?? 0) : Math.min(...sorted);
  } finally {
    for (const buffer of made) buffer.destroy();
  }
}
