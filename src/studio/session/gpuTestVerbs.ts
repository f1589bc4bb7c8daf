import { WasmEngine } from '../../engines/wasm/wasmEngine.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { StudioApi } from '../studioApi.ts';
import { STUDIO_VERSION } from '../version.ts';
import { defaultThreads } from './defaultThreads.ts';
import { attempt, type SessionState } from './sessionState.ts';

/** Testing this machine's GPU: an engine of its own, beside the session's. */
export function gpuTestVerbs(state: SessionState): Pick<StudioApi, 'testGpu' | 'stopGpuTest'> {
  let testing: AbortController | undefined;
  return {
    async testGpu(listen) {
      state.needNoRun('testing the GPU');
      if (testing !== undefined) throw new StudioError('order', 'session: a test of the GPU is going on. Wait for it, or stop it.');
      testing = new AbortController();
      try {
        // The cases are of no use to anybody else.
        const { testGpu } = await import('../../engines/gpuTest/gpuTest.ts');
        const found = await testGpu(() => WasmEngine.create(defaultThreads()), { progress: listen, signal: testing.signal });
        return { ...found, version: STUDIO_VERSION, date: new Date().toISOString().slice(0, 10) };
      } finally {
        testing = undefined;
      }
    },
    stopGpuTest: () => attempt(() => testing?.abort()),
  };
}
