import type { CompileStage, Engine } from '../../engines/engine.ts';
import type { StudioListener } from '../api/run.ts';

const STAGE_WORDS: Readonly<Record<CompileStage, string>> = {
  measuring: 'Measuring GPU kernels',
  compiling: 'Compiling GPU kernels',
};

/** An engine whose compilations are heard, if anybody listens. Nothing stops them. */
export function heardBy(listen: StudioListener | undefined, engine: Engine): Engine {
  return listen === undefined ? engine : watchedEngine(engine, listen, new AbortController().signal);
}

/**
 * The same engine, whose compilations are told as progress.
 * @param signal ends measuring kernels: the likeliest ones are taken
 * @param compiled is called after every compilation
 */
export function watchedEngine(engine: Engine, listen: StudioListener, signal: AbortSignal, compiled: () => void = () => {}): Engine {
  return {
    limits: engine.limits,
    planOptions: engine.planOptions,
    describe: () => engine.describe(),
    compile: async (plan) => {
      const program = await engine.compile(plan, {
        progress: (stage, done, total) => listen({ kind: 'progress', stage: STAGE_WORDS[stage], done, total }),
        signal,
      });
      compiled();
      return program;
    },
    ...(engine.algebra === undefined ? {} : { algebra: engine.algebra.bind(engine) }),
    dispose: () => engine.dispose(),
  };
}
