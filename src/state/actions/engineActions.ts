import type { EngineChoice } from '../../studio/api/engine.ts';
import { engineToAddress } from '../engineChoice.ts';
import { isGoing, useRun } from '../runStore.ts';
import type { Desk } from './desk.ts';

export interface EngineActions {
  /** Changes the engine between runs; the one at hand stays if that fails. */
  switchEngine(choice: EngineChoice): Promise<void>;
}

export function engineActions(desk: Desk): EngineActions {
  return {
    async switchEngine(choice) {
      if (isGoing(useRun.getState().status)) return;
      if (await desk.guarded(() => desk.chooseEngine(choice))) engineToAddress(choice);
    },
  };
}
