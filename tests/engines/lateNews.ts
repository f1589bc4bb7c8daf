import { requestAdapter } from '../../src/engines/webgpu/gpuAccess.ts';

/**
 * Lets the host hear of finished work at the next multiple of `tick` milliseconds only, as Firefox does: from all devices of this
 * process.
 *
 * @returns ends it
 */
export async function hearLate(tick: number): Promise<() => void> {
  const device = await (await requestAdapter()).requestDevice();
  const buffer = device.createBuffer({ size: 16, usage: 1 | 8 });
  const ends = [delay(device.queue, 'onSubmittedWorkDone', tick), delay(buffer, 'mapAsync', tick)];
  device.destroy();
  return () => {
    for (const end of ends) end();
  };
}

/** Delays a method of all objects of this one's class. */
function delay(example: object, name: string, tick: number): () => void {
  const owner: unknown = Object.getPrototypeOf(example);
  const known: unknown = Reflect.get(example, name);
  if (typeof owner !== 'object' || owner === null || typeof known !== 'function') throw new Error(`there is no ${name} to delay`);
  Object.defineProperty(owner, name, {
    configurable: true,
    writable: true,
    value: async function late(this: unknown, ...given: unknown[]): Promise<unknown> {
      const result: unknown = await Reflect.apply(known, this, given);
      const now = performance.now();
      await new Promise((resolve) => setTimeout(resolve, Math.ceil(now / tick) * tick - now));
      return result;
    },
  });
  return () => Object.defineProperty(owner, name, { configurable: true, writable: true, value: known });
}
