import type { WeightStorage } from '../../engines/webgpu/webgpuEngine.ts';

/** Engines by name; `auto` picks the fastest that this machine can use. */
export type EngineChoice = 'auto' | 'cpu' | 'reference' | 'webgpu';

/** What a user may choose about how an engine works. */
export interface EngineSettings {
  /**
   * Whether WebGPU measures its matrix kernels on first use and takes the fastest (the default). Without it, kernels depend
   * on the adapter alone, so a run gives the same numbers to the last bit whether anything was measured or not.
   */
  readonly tuning?: boolean;
  /**
   * How WebGPU stores weights that a program only reads: the distillation teacher's, the frozen teacher's in merged training,
   * and all of a model that is evaluated. `float16` halves their memory and rounds them, if the adapter supports it. Otherwise,
   * and on other engines, everything is float32.
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
  /** The GPU adapter, if one was asked for and found. `software`: a CPU computes what a GPU should. */
  readonly adapter?: { readonly name: string; readonly software: boolean };
  /** Speeds of both engines, if `auto` compared them. */
  readonly speeds?: EngineSpeeds;
  /** Why `auto` did not take WebGPU. Absent if it did, or if the user asked for another engine. */
  readonly notWebGpu?: string;
  /** The GPU computes wrongly, which is why it was not taken: a fault that its users should hear of, and report. */
  readonly wrongNumbers?: true;
  /** How the GPU was compared with the reference engine; absent where none is used. */
  readonly checked?: { readonly milliseconds: number; readonly remembered: boolean };
}
