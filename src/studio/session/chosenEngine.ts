import type { CompileWatch, Engine, EngineLimits, Program } from '../../engines/engine.ts';
import type { Plan, PlanOptions } from '../../graph/plan.ts';
import type { EngineReport } from '../api/engine.ts';

/** What is known of an engine besides itself: how it was chosen. */
export type ChoiceFacts = Omit<EngineReport, 'name' | 'detail' | 'threads'>;

/** An engine that can say why it was chosen. */
export class ChosenEngine implements Engine {
  readonly limits: EngineLimits;
  readonly planOptions: PlanOptions;
  readonly #engine: Engine;
  readonly #facts: ChoiceFacts;

  constructor(engine: Engine, facts: ChoiceFacts) {
    this.#engine = engine;
    this.#facts = facts;
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

  dispose(): void {
    this.#engine.dispose();
  }
}
