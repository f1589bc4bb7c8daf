import type { Engine, Program } from '../../src/engines/engine.ts';
import type { Plan } from '../../src/graph/plan.ts';

/** What a training program was told, in order: steps handed over, and steps whose loss has come. */
export type StepLog = (readonly ['run' | 'loss', number])[];

export interface LateOptions {
  /** Makes the `lossWeight` of this write, over all training programs, NaN; from 1. */
  readonly poison?: number;
  /** Milliseconds that an answer waits for the next step; 25 where it is not given. */
  readonly patience?: number;
  /** Runs ahead; those of the engine where it is not given. */
  readonly ahead?: number;
}

function signal(): { readonly promise: Promise<void>; readonly fire: () => void } {
  let fire = (): void => {};
  const promise = new Promise<void>((resolve) => {
    fire = resolve;
  });
  return { promise, fire };
}

/**
 * An engine whose training programs answer late, as a GPU's do: no read resolves before the next step is handed over, or
 * shows not to come.
 */
export function lateEngine(engine: Engine, log: StepLog, { poison, ahead, patience = 25 }: LateOptions = {}): Engine {
  let weights = 0;
  const late = (program: Program): Program => {
    let runs = 0;
    let next = signal();
    return {
      ahead: ahead ?? program.ahead,
      write: (name, data) => {
        if (name === 'lossWeight') weights += 1;
        program.write(name, name === 'lossWeight' && weights === poison ? data.map(() => Number.NaN) : data);
      },
      run: async () => {
        runs += 1;
        log.push(['run', runs]);
        next.fire();
        next = signal();
        await program.run();
      },
      read: async (name) => {
        const run = runs;
        // Of this run: while a GPU computes the numbers, the next run may be handed over already.
        const following = next.promise;
        const data = await program.read(name);
        if (name !== 'loss' && name !== 'norm') return data;
        await Promise.race([following, new Promise<void>((resolve) => setTimeout(resolve, patience))]);
        if (name === 'loss') log.push(['loss', run]);
        return data;
      },
      readIntegers: (name) => program.readIntegers(name),
      dispose: () => program.dispose(),
    };
  };
  return {
    limits: engine.limits,
    planOptions: engine.planOptions,
    describe: () => engine.describe(),
    compile: async (plan: Plan) => {
      const program = await engine.compile(plan);
      return plan.inputs.has('settings') ? late(program) : program;
    },
    dispose: () => engine.dispose(),
  };
}
