import type { GpuFindings, GpuTestStage } from '../../engines/gpuTest/gpuTest.ts';

export type { AdapterReport, GpuFindings, GpuTestStage, KernelSpeeds } from '../../engines/gpuTest/gpuTest.ts';
export type { CaseResult } from '../../engines/conformance/conformance.ts';

/** What a test found, by which version of the studio, and on which day. */
export interface GpuReport extends GpuFindings {
  readonly version: string;
  /** In UTC, `2026-12-01`. */
  readonly date: string;
}

/** Told while a GPU is tested. */
export type GpuTestListener = (stage: GpuTestStage, done: number, total: number) => void;

export interface GpuTestApi {
  /**
   * Compares every operation on the GPU with the reference engine, measures matrix kernels and speeds. Needs no teacher, and is
   * refused during a run. What ends it early is part of what it found.
   */
  testGpu(listen: GpuTestListener): Promise<GpuReport>;
  /** Ends a test soon; it returns what it found until then. */
  stopGpuTest(): Promise<void>;
}
