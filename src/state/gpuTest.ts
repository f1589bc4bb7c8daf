import { create } from 'zustand';
import type { GpuReport, GpuTestStage } from '../studio/api/gpuTest.ts';
import type { StudioApi } from '../studio/studioApi.ts';
import { toFault } from './faults.ts';

export type { AdapterReport, CaseResult, GpuReport, GpuTestStage, KernelSpeeds } from '../studio/api/gpuTest.ts';

export interface GpuTestState {
  readonly going: boolean;
  readonly progress: { readonly stage: GpuTestStage; readonly done: number; readonly total: number } | undefined;
  readonly findings: GpuReport | undefined;
  /** Why the test itself did not work, in words. */
  readonly fault: string | undefined;
}

export const useGpuTest = create<GpuTestState>(() => ({ going: false, progress: undefined, findings: undefined, fault: undefined }));

/** What a user can make happen on the page that tests a GPU. */
export interface GpuTester {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Whether the page's address asks for the test of the GPU: `?test=gpu`. */
export function asksForGpuTest(): boolean {
  return new URLSearchParams(location.search).get('test') === 'gpu';
}

export function gpuTester(api: StudioApi): GpuTester {
  return {
    async start() {
      if (useGpuTest.getState().going) return;
      useGpuTest.setState({ going: true, progress: undefined, findings: undefined, fault: undefined });
      try {
        const findings = await api.testGpu((stage, done, total) => {
          if (useGpuTest.getState().going) useGpuTest.setState({ progress: { stage, done, total } });
        });
        useGpuTest.setState({ findings });
      } catch (error) {
        useGpuTest.setState({ fault: toFault(error).message });
      } finally {
        useGpuTest.setState({ going: false, progress: undefined });
      }
    },
    stop: () => api.stopGpuTest(),
  };
}
