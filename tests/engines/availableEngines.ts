import type { Engine } from '../../src/engines/engine.ts';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import { WasmEngine } from '../../src/engines/wasm/wasmEngine.ts';

/** Engines that the golden and conformance suites run over, here in Node. */
export const ENGINES: readonly { readonly name: string; readonly create: () => Promise<Engine> }[] = [
  { name: 'reference', create: () => Promise.resolve(new ReferenceEngine()) },
  { name: 'cpu, 1 thread', create: () => WasmEngine.create(1) },
  { name: 'cpu, 2 threads', create: () => WasmEngine.create(2) },
  { name: 'cpu, 3 threads', create: () => WasmEngine.create(3) },
];
