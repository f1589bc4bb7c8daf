import type { Plan, PlanOptions } from '../graph/plan.ts';

/** What is left of a device's limits, for messages and for choosing batch sizes. */
export interface EngineLimits {
  /** Largest arena that the engine can hold, in bytes. */
  readonly arenaBytes: number;
}

/** What an engine is, in words for the header and numbers for the record. */
export interface EngineDescription {
  readonly name: string;
  readonly detail: string;
  readonly threads: number;
}

/** What an engine is busy with before a program can run. */
export type CompileStage = 'measuring' | 'compiling';

/** Lets a caller follow a compilation that takes its time. */
export interface CompileWatch {
  /** Kernels of this stage that are done, and how many there are. Not called where nothing has to be waited for. */
  readonly progress?: (stage: CompileStage, done: number, total: number) => void;
  /** Ends measuring: the program is made of the likeliest kernels instead. */
  readonly signal?: AbortSignal;
}

/** A compiled plan with its memory. Inputs and states start at zero and keep their contents between runs. */
export interface Program {
  /** Overwrites an input or state. @throws EngineError if the name is unknown or the length is off */
  write(name: string, data: Float32Array | Int32Array): void;
  /**
   * Runs worth handing over before the results of the first are awaited: the device then goes from one to the next without
   * a gap. 0 where `run` computes before it returns.
   */
  readonly ahead: number;
  /** One pass over the plan. */
  run(): Promise<void>;
  /** Copies out an input, state or output, row-major: as the runs before this call leave it, whatever is handed over later. */
  read(name: string): Promise<Float32Array>;
  /** Copies out an i32 input or output. */
  readIntegers(name: string): Promise<Int32Array>;
  dispose(): void;
}

/** Where plans run. An operation that an engine lacks is an error at compile time, by name. */
export interface Engine {
  readonly limits: EngineLimits;
  /** How graphs must be laid out for this engine. */
  readonly planOptions: PlanOptions;
  /**
   * Where kernels are measured, what computes each product of the programs that were compiled so far. A product with another
   * value may be summed in another order.
   */
  readonly kernels?: ReadonlyMap<string, string> | undefined;
  describe(): EngineDescription;
  compile(plan: Plan, watch?: CompileWatch): Promise<Program>;
  dispose(): void;
}
