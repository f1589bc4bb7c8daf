import type { StudioApi } from '../studioApi.ts';
import type { SessionState } from './sessionState.ts';

/** Choosing where to compute. */
export function engineVerbs(state: SessionState): Pick<StudioApi, 'engine'> {
  return {
    async engine(choice, threads) {
      state.needNoRun('changing the engine');
      return (await state.chooseEngine(choice, threads)).describe();
    },
  };
}
