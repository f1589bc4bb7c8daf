import type { SentenceModules } from '../teacher/sentenceModules.ts';
import type { OnnxFileReport, OnnxLatency, VectorForm } from '../api/exporting.ts';
import type { Recipe } from '../api/recipe.ts';
import type { RunResult } from '../api/run.ts';
import type { Output } from '../../models/outputs.ts';
import type { MergedStudent } from '../student.ts';

/** A run that ended, as its folder is made of it. */
export interface FinishedRun extends MergedStudent {
  readonly result: RunResult;
  readonly recipe: Recipe;
}

/** What was measured while the files were made. */
export interface Measured {
  /** What the files answer with. */
  readonly output: Output;
  readonly onnx: readonly OnnxFileReport[];
  readonly teacherLatency: OnnxLatency | null;
  /** Given if the folder is for vectors of sentences: how they are made, and whether the layer behind pooling is laid behind every token. */
  readonly sentences?: { readonly modules: SentenceModules; readonly form: VectorForm; readonly inTokens: boolean };
  /** What computed the student, or read the checkpoint. */
  readonly engine: string;
  /** Version of onnxruntime-web. */
  readonly runtime: string;
}
