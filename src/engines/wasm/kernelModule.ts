import { EngineError } from '../engineError.ts';

/** What the compiled kernels export; see kernels/index.ts. Addresses are unsigned but cross as i32. */
export interface Kernels {
  setup(thread: number, threads: number, control: number, workspace: number): void;
  run(program: number, end: number): void;
  serve(): void;
  quit(): void;
}

/** What a helper thread needs to join the team. */
export interface ThreadStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly thread: number;
  readonly threads: number;
  readonly control: number;
  readonly workspace: number;
}

// (module (func (param v128 v128 v128) (result v128) local.get 0 local.get 1 local.get 2 f32x4.relaxed_madd))
const RELAXED_PROBE = Uint8Array.of(
  0,
  97,
  115,
  109,
  1,
  0,
  0,
  0,
  1,
  8,
  1,
  96,
  3,
  123,
  123,
  123,
  1,
  123,
  3,
  2,
  1,
  0,
  10,
  13,
  1,
  11,
  0,
  32,
  0,
  32,
  1,
  32,
  2,
  253,
  133,
  2,
  11,
);

/**
 * Whether fused products can be compiled. Node 20 has them behind a flag, which counts for what is compiled after it is set, in
 * helper threads too.
 */
export function hasRelaxedSimd(): boolean {
  if (WebAssembly.validate(RELAXED_PROBE)) return true;
  if (!isNode()) return false;
  process.getBuiltinModule('node:v8').setFlagsFromString('--experimental-wasm-relaxed-simd');
  return WebAssembly.validate(RELAXED_PROBE);
}

/** Threads need shared memory: a cross-origin isolated page, or Node. */
export function hasSharedMemory(): boolean {
  return typeof SharedArrayBuffer !== 'undefined' && (isNode() || globalThis.crossOriginIsolated);
}

export function isNode(): boolean {
  return typeof process !== 'undefined' && typeof process.versions === 'object' && typeof process.versions.node === 'string';
}

function kernelUrl(threads: boolean, relaxed: boolean): URL {
  // Written out one by one: the bundler finds files by these literals.
  if (threads && relaxed) return new URL('./built/kernels-threads-relaxed.wasm', import.meta.url);
  if (threads) return new URL('./built/kernels-threads.wasm', import.meta.url);
  if (relaxed) return new URL('./built/kernels-single-relaxed.wasm', import.meta.url);
  return new URL('./built/kernels-single.wasm', import.meta.url);
}

/** Fetches and compiles the kernels for this machine. @throws EngineError if they were not built */
export async function loadKernels(threads: boolean, relaxed: boolean): Promise<WebAssembly.Module> {
  const url = kernelUrl(threads, relaxed);
  if (url.protocol === 'file:') {
    const { readFileSync } = process.getBuiltinModule('node:fs');
    try {
      return await WebAssembly.compile(readFileSync(url));
    } catch (error) {
      throw new EngineError(`cpu: ${url.pathname} could not be loaded (${String(error)}). Run npm run kernels.`);
    }
  }
  const response = await fetch(url);
  if (!response.ok) throw new EngineError(`cpu: ${url.pathname} — expected status 200, got ${response.status}. Reload the page.`);
  return WebAssembly.compile(await response.arrayBuffer());
}

export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Kernels {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const take = (name: string): ((...given: number[]) => void) => {
    const found = exports[name];
    if (typeof found !== 'function') throw new EngineError(`cpu: the kernels export no ${name}. Run npm run kernels.`);
    return (...given) => void found(...given);
  };
  return { setup: take('setup'), run: take('run'), serve: take('serve'), quit: take('quit') };
}
