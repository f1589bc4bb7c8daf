import { ReferenceEngine } from '../../engines/reference/referenceEngine.ts';
import { WasmEngine } from '../../engines/wasm/wasmEngine.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { StudioApi } from '../studioApi.ts';
import { defaultThreads } from './defaultThreads.ts';
import type { SessionState } from './sessionState.ts';

/** Choosing where to compute. */
export function engineVerbs(state: SessionState): Pick<StudioApi, 'engine'> {
  return {
    async engine(choice, threads) {
      if (choice === 'webgpu') throw new StudioError('engine', 'engine: webgpu is not built yet. Choose cpu.');
      state.needNoRun('changing the engine');
      state.engine?.dispose();
      state.engine = choice === 'reference' ? new ReferenceEngine() : await WasmEngine.create(threads ?? defaultThreads());
      return state.engine.describe();
    },
  };
}
