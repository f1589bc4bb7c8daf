import type { CompileStage, Engine } from '../../engines/engine.ts';
import type { StudioListener } from '../studioApi.ts';

const STAGE_WORDS: Readonly<Record<CompileStage, string>> = {
  measuring: 'Measuring GPU kernels',
  compiling: 'Compiling GPU kernels',
};

/**
 * The same engine, whose compilations are told as progress.
 * @param signal ends measuring kernels: the likeliest ones are taken
 */
export function watchedEngine(engine: Engine, listen: StudioListener, signal: AbortSignal): Engine {
  return {
    limits: engine.limits,
    planOptions: engine.planOptions,
    describe: () => engine.describe(),
    compile: (plan) =>
      engine.compile(plan, {
        progress: (stage, done, total) => listen({ kind: 'progress', stage: STAGE_WORDS[stage], done, total }),
        signal,
      }),
    dispose: () => engine.dispose(),
  };
}
