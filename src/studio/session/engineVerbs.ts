import { measureGflops } from '../../engines/speedTest.ts';
import type { StudioApi } from '../studioApi.ts';
import type { SessionState } from './sessionState.ts';

/** Long enough for a dozen products of the smallest size on a slow machine. */
const TEST_MILLISECONDS = 250;

/** Choosing where to compute. */
export function engineVerbs(state: SessionState): Pick<StudioApi, 'engine' | 'engineSpeed'> {
  return {
    async engine(choice, threads, settings) {
      state.needNoRun('changing the engine');
      return (await state.chooseEngine(choice, threads, settings)).describe();
    },
    async engineSpeed() {
      state.needNoRun('measuring the engine');
      return measureGflops(await state.needEngine(), TEST_MILLISECONDS);
    },
  };
}
