import type { WeightStorage } from '../../engines/webgpu/webgpuEngine.ts';

/** Engines by name; `auto` picks the fastest that this machine can use. */
export type EngineChoice = 'auto' | 'cpu' | 'reference' | 'webgpu';

/** How an engine works, where a user may say. */
export interface EngineSettings {
  /**
   * Whether WebGPU measures its matrix kernels on first use and takes the fastest (the default). Without it, kernels depend
   * on the adapter alone, and a run gives the same numbers to the last bit before anything was measured and after.
   */
  readonly tuning?: boolean;
  /**
   * How WebGPU stores weights that a program only reads: the distillation teacher's, the frozen teacher's in merged training,
   * and all of a model that is judged. `float16` halves their memory where the adapter can, and rounds them; without it, and on
   * other engines, everything is float32.
   */
  readonly storage?: WeightStorage;
}

export type { WeightStorage };

/** Measured speeds at f32 matrix products, in GFLOP/s. */
export interface EngineSpeeds {
  readonly cpu: number;
  readonly webgpu: number;
}

/** The engine that a session runs on. */
export interface EngineReport {
  readonly name: string;
  /** One line for the header: kernels, threads, adapter. */
  readonly detail: string;
  readonly threads: number;
  /** The GPU adapter, where one was asked for and found; a software one is a processor that plays a GPU. */
  readonly adapter?: { readonly name: string; readonly software: boolean };
  /** Of both engines, where `auto` compared them. */
  readonly speeds?: EngineSpeeds;
  /** Why `auto` did not take WebGPU; absent where it did, or where another engine was asked for. */
  readonly notWebGpu?: string;
}
