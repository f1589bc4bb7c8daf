import type { BertModel } from '../../models/model.ts';
import type { NamedTensors } from '../../tensor/tensor.ts';
import type { OnnxFileReport, OnnxLatency } from '../api/exporting.ts';
import type { Recipe } from '../api/recipe.ts';
import type { RunResult } from '../api/run.ts';

/** A run that ended, as its folder is made of it. */
export interface FinishedRun {
  readonly student: BertModel;
  /** What the student was merged from; without it, or empty, there was nothing to merge. */
  readonly compactors?: NamedTensors;
  readonly result: RunResult;
  readonly recipe: Recipe;
}

/** What was measured while the files were made. */
export interface Measured {
  readonly onnx: readonly OnnxFileReport[];
  readonly teacherLatency: OnnxLatency | null;
  /** What computed the student, or read the checkpoint. */
  readonly engine: string;
  /** Version of onnxruntime-web. */
  readonly runtime: string;
}
