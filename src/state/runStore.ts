import { create } from 'zustand';
import type { ExportOptions, ExportResult, OnnxFileReport } from '../studio/api/exporting.ts';
import type { StudioFault } from '../studio/api/fault.ts';
import type { RunInputs, UnfinishedRun } from '../studio/api/history.ts';
import type { Recipe } from '../studio/api/recipe.ts';
import type { HeldOut, RunResult } from '../studio/api/run.ts';

export { OUTPUTS } from '../studio/settings/outputs.ts';
export type { ExportOptions, HeldOut, OnnxFileReport, RunInputs, RunResult, StudioFault };

export type RunStatus = 'idle' | 'preparing' | 'running' | 'pausing' | 'paused' | 'stopping' | 'done' | 'failed';

/** An exported zip, ready to save. */
export interface Download extends Omit<ExportResult, 'zip'> {
  /** Object URL of the zip. */
  readonly url: string;
  readonly bytes: number;
  /** Whose files these are. */
  readonly of: 'student' | 'teacher';
}

/** Where the run is: changes a few times a minute. */
export interface RunState {
  readonly status: RunStatus;
  /** Counts runs of this page. */
  readonly number: number;
  readonly name: string;
  /** The recipe that this run started with; the one on the left may have changed since. */
  readonly recipe: Recipe | undefined;
  readonly result: RunResult | undefined;
  readonly exporting: boolean;
  /** The finished run is being asked about a sentence. */
  readonly asking: boolean;
  /** What that waits for, in words, such as kernels that are compiled. */
  readonly askingStage: string | undefined;
  /** ONNX files of the export at hand, as they are checked. */
  readonly checkedFiles: readonly OnnxFileReport[];
  readonly download: Download | undefined;
  /** Step of the newest checkpoint of this run. */
  readonly keptAt: number | undefined;
  readonly fault: StudioFault | undefined;
  /** Runs with a checkpoint in this browser, which can go on. */
  readonly unfinished: readonly UnfinishedRun[];
}

export const useRun = create<RunState>(() => ({
  status: 'idle',
  number: 0,
  name: '',
  recipe: undefined,
  result: undefined,
  exporting: false,
  asking: false,
  askingStage: undefined,
  checkedFiles: [],
  download: undefined,
  keptAt: undefined,
  fault: undefined,
  unfinished: [],
}));

/** True while the session is busy with a run. */
export function isGoing(status: RunStatus): boolean {
  return status !== 'idle' && status !== 'done' && status !== 'failed';
}
