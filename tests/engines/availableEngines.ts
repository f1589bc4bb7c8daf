import type { Engine } from '../../src/engines/engine.ts';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import { WasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { WebGpuEngine, type WebGpuOptions } from '../../src/engines/webgpu/webgpuEngine.ts';
import { takeSoftwareGpu } from './softwareGpu.ts';

/** Engines that the golden and conformance suites run over, here in Node. */
export const ENGINES: readonly { readonly name: string; readonly create: () => Promise<Engine> }[] = [
  { name: 'reference', create: () => Promise.resolve(new ReferenceEngine()) },
  { name: 'cpu, 1 thread', create: () => WasmEngine.create(1) },
  { name: 'cpu, 2 threads', create: () => WasmEngine.create(2) },
  { name: 'cpu, 3 threads', create: () => WasmEngine.create(3) },
  { name: 'cpu, 2 threads, plain SIMD', create: () => WasmEngine.create(2, false) },
  { name: 'webgpu', create: () => createWebGpu() },
];

/** The same kernels without subgroups and at WebGPU's default limits. */
export const PLAIN_WEBGPU = { name: 'webgpu at default limits', create: () => createWebGpu({ plain: true }) };

async function createWebGpu(options: WebGpuOptions = {}): Promise<Engine> {
  await takeSoftwareGpu();
  return WebGpuEngine.create(options);
}
