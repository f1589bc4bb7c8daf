import { vi } from 'vitest';
import { Pipelines } from '../../src/engines/webgpu/pipelines.ts';
import type { Shader } from '../../src/engines/webgpu/shader.ts';

/**
 * Changes the WGSL of every kernel that is asked for from now on, until the mocks are restored: a stand-in for a driver that
 * compiles it wrongly.
 *
 * @returns entry points of the kernels that were asked for, as they come
 */
export function alterKernels(change: (shader: Shader) => string): ReadonlySet<string> {
  const entries = new Set<string>();
  // oxlint-disable-next-line typescript/unbound-method -- called with its own `this` below
  const get = Pipelines.prototype.get;
  vi.spyOn(Pipelines.prototype, 'get').mockImplementation(function (this: Pipelines, shader) {
    entries.add(shader.entry);
    return get.call(this, { ...shader, code: change(shader) });
  });
  return entries;
}
