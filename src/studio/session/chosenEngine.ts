import type { CompileWatch, Engine, EngineLimits, Program } from '../../engines/engine.ts';
import { WasmEngine } from '../../engines/wasm/wasmEngine.ts';
import type { Plan, PlanOptions } from '../../graph/plan.ts';
import type { LentAlgebra } from '../../tensor/algebra.ts';
import type { EngineReport } from '../api/engine.ts';
import { defaultThreads } from './defaultThreads.ts';

/** What is known of an engine besides itself: how it was chosen. */
export type ChoiceFacts = Omit<EngineReport, 'name' | 'detail' | 'threads'>;

/** An engine that can say why it was chosen, and that lends algebra even if it is a GPU's. */
export class ChosenEngine implements Engine {
  readonly limits: EngineLimits;
  readonly planOptions: PlanOptions;
  readonly #engine: Engine;
  readonly #facts: ChoiceFacts;
  readonly #threads: number;

  /** @param threads for the CPU's part of its work */
  constructor(engine: Engine, facts: ChoiceFacts, threads = defaultThreads()) {
    this.#engine = engine;
    this.#facts = facts;
    this.#threads = threads;
    this.limits = engine.limits;
    this.planOptions = engine.planOptions;
  }

  get kernels(): ReadonlyMap<string, string> | undefined {
    return this.#engine.kernels;
  }

  describe(): EngineReport {
    return { ...this.#engine.describe(), ...this.#facts };
  }

  compile(plan: Plan, watch?: CompileWatch): Promise<Program> {
    return this.#engine.compile(plan, watch);
  }

  /** A GPU has no float64: threads and memory of the CPU engine are taken for as long as it is lent. */
  algebra(): Promise<LentAlgebra> {
    return this.#engine.algebra?.() ?? WasmEngine.algebraAlone(this.#threads);
  }

  dispose(): void {
    this.#engine.dispose();
  }
}
