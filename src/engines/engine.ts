import type { Plan, PlanOptions } from '../graph/plan.ts';
import type { LentAlgebra } from '../tensor/algebra.ts';

/** Limits of an engine, for error messages and for choosing batch sizes. */
export interface EngineLimits {
  /** Largest memory that one program may take, in bytes. */
  readonly arenaBytes: number;
}

/** An engine in words, for the page's header and the run's record. */
export interface EngineDescription {
  readonly name: string;
  readonly detail: string;
  readonly threads: number;
}

/** Stages of a compilation. */
export type CompileStage = 'measuring' | 'compiling';

/** Follows a compilation, and may shorten it. */
export interface CompileWatch {
  /** Number of kernels done in this stage, of `total`. Not called if no kernel has to be measured or compiled. */
  readonly progress?: (stage: CompileStage, done: number, total: number) => void;
  /** Aborts measuring, not the compilation: the program then uses the kernels that are most likely fast. */
  readonly signal?: AbortSignal;
}

/** A compiled plan with its own memory. Inputs and states start at zero and keep their values from run to run. */
export interface Program {
  /** Overwrites an input or state. @throws EngineError if the name is unknown or the length is wrong */
  write(name: string, data: Float32Array | Int32Array): void;
  /**
   * How many further runs to submit before awaiting the results of the first, so that the device never idles. 0 if `run`
   * computes before it returns.
   */
  readonly ahead: number;
  /** Executes the plan once. */
  run(): Promise<void>;
  /** Copies an input, state or output, row-major, as it is after the runs submitted before this call. */
  read(name: string): Promise<Float32Array>;
  /** Copies an i32 input or output. */
  readIntegers(name: string): Promise<Int32Array>;
  dispose(): void;
}

/** Compiles plans into programs. If it lacks an operation, `compile` throws an error that names it. */
export interface Engine {
  readonly limits: EngineLimits;
  /** How plans for this engine must be laid out. */
  readonly planOptions: PlanOptions;
  /**
   * If the engine measures kernels: the kernel of each product in the programs compiled so far. With another kernel, a product
   * may be summed in another order and round differently.
   */
  readonly kernels?: ReadonlyMap<string, string> | undefined;
  describe(): EngineDescription;
  compile(plan: Plan, watch?: CompileWatch): Promise<Program>;
  /** Dense algebra in float64 on the CPU's threads; left out if there is none but plain TypeScript's. Dispose of it after use. */
  algebra?(): Promise<LentAlgebra>;
  dispose(): void;
}
