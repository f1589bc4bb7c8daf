import type { AttentionComparison, AttentionReport, FillComparison, SentenceComparison } from './api/comparison.ts';
import type { PlanReport, StepCost } from './api/cost.ts';
import type { EngineChoice, EngineReport, EngineSettings } from './api/engine.ts';
import type { ExportOptions, ExportResult } from './api/exporting.ts';
import type { GivenFile } from './api/files.ts';
import type { GpuTestApi } from './api/gpuTest.ts';
import type { HistoryApi, UnfinishedRun } from './api/history.ts';
import type { JobResult } from './api/job.ts';
import type { GivenText, Opened, WishFor } from './api/opening.ts';
import type { Beginnings, ModelShape, Recipe, ShapeWish } from './api/recipe.ts';
import type { HeldOut, RunResult, StartWishes, StudioListener } from './api/run.ts';
import type { EmbeddedSentences, GivenEncoder, PairColumnNames, PairReport, SentenceWish } from './api/sentences.ts';
import type { HubRequest, TeacherReport, TeacherWish } from './api/teacher.ts';
import type { TextReport, TextWish, VocabularyWish } from './api/text.ts';

/**
 * The session's verbs. Their shapes, by subject in `api/`, are the only ones that cross comlink: page and terminal know the
 * session by these files alone (docs/architecture.md). Numbers are plain; large data are transferred `Uint8Array`s. Every verb
 * rejects with an error shaped like `StudioFault`.
 */
export interface StudioApi extends HistoryApi, GpuTestApi {
  engine(choice: EngineChoice, threads?: number, settings?: EngineSettings): Promise<EngineReport>;
  /** Speed of the engine at hand at f32 matrix products, in GFLOP/s, measured in about a third of a second. Not during a run. */
  engineSpeed(): Promise<number>;
  /**
   * Tells a teacher's files from text, by content if that can tell, and reads both, with progress. If the text fails or is
   * cancelled, a teacher that came with it stays. The folder of a job that PyTorch trained goes into the history.
   * @param wishFor is told what came, once a teacher is read, and answers how the text is to be packed
   * @param again the text that a teacher without one is read with
   */
  open(files: readonly GivenFile[], wishFor: WishFor, listen?: StudioListener, again?: GivenText): Promise<Opened>;
  /** Reads a checkpoint, with progress in bytes if that takes a while. Refused while a run goes on. */
  loadTeacher(name: string, files: readonly GivenFile[], listen?: StudioListener, wish?: TeacherWish): Promise<TeacherReport>;
  /** Fetches a repository's teacher, with progress in bytes; what has arrived is kept, and fetching again goes on from there. */
  loadHubTeacher(request: HubRequest, listen: StudioListener): Promise<TeacherReport>;
  /** Ends fetching or reading a teacher by an error of code `cancelled`; the one before stays. */
  cancelTeacher(): Promise<void>;
  /** Bytes that are kept of files that were fetched from a hub. */
  hubCacheSize(): Promise<number>;
  /** Deletes every file that was fetched from a hub and kept. */
  clearHubCache(): Promise<void>;
  /** Reads text files of any format, or zips of them. A text that fails or is cancelled leaves the one before in place. */
  loadText(name: string, files: readonly GivenFile[], wish: TextWish, listen?: StudioListener): Promise<TextReport>;
  /**
   * Cuts the loaded teacher's vocabulary to the tokens that every text needs and those that a text uses most, or takes it whole
   * again. The text is read for that alone; load it afterwards. `loadText` does both if its wish has a `cut`.
   * @throws `vocabulary` with the legal range
   */
  cutVocabulary(cut: VocabularyWish, files: readonly GivenFile[], wish: TextWish, listen?: StudioListener): Promise<TeacherReport>;
  /** Ends a `loadText` that is going on: it rejects with code `cancelled`. */
  cancelText(): Promise<void>;
  /** Recipe defaults for the loaded teacher and a student's shape; half the teacher's width if none is given. */
  defaults(student?: ModelShape): Promise<Recipe>;
  /** What recipes and students of the loaded teacher begin with. */
  beginnings(): Promise<Beginnings>;
  /** The legal student that a wish describes; a refusal carries the nearest legal ones in `details.nearest`. */
  student(wish: ShapeWish, tied: boolean): Promise<ModelShape>;
  plan(recipe: Recipe): Promise<PlanReport>;
  /** Memory and work of the recipe's steps, phase by phase. Slower than `plan`: it lays the training graphs. */
  stepCosts(recipe: Recipe): Promise<readonly StepCost[]>;
  /**
   * Trains a student.
   * @throws `memory-budget` if a step's plan takes more of a GPU than the machine may have; `beyondMemory` starts it all the same
   */
  start(recipe: Recipe, listen: StudioListener, wishes?: StartWishes): Promise<RunResult>;
  /** Runs that have a checkpoint and that nobody is training, the furthest first. Empty if the session keeps none. */
  unfinished(): Promise<readonly UnfinishedRun[]>;
  /** Goes on from a run's newest whole checkpoint; teacher and text must be those of the run. */
  resumeRun(run: string, listen: StudioListener): Promise<RunResult>;
  /** Waits after the step at hand, and keeps the state. */
  pause(): Promise<void>;
  /** While paused: one step, then paused again. Does nothing while the run goes on. */
  step(): Promise<void>;
  /** Goes on after a pause. @throws `storage` if the run waits for room, and there still is none: it stays paused */
  resume(): Promise<void>;
  stop(): Promise<void>;
  /**
   * Reads a checkpoint as a student of the loaded teacher, and rejects if it is none: cheap, before an engine is made. If the
   * student has a part of the teacher's vocabulary, the teacher is cut to it, and a text has to be loaded afterwards.
   */
  checkStudent(student: { readonly name: string; readonly files: readonly GivenFile[] }): Promise<TeacherReport>;
  /**
   * Held-out numbers of the teacher on the loaded text, and of a student checkpoint on the same masked tokens.
   * @param batch sequences judged at once
   * @param listen hears how far GPU kernels are measured and compiled, if any are
   */
  evaluate(
    student: { readonly name: string; readonly files: readonly GivenFile[] } | undefined,
    batch: number,
    seed: number,
    listen?: StudioListener,
  ): Promise<{ readonly teacher: HeldOut; readonly student?: HeldOut }>;
  /**
   * Vectors of sentences: lines of plain text, cells of a table, records. Needs no teacher and no text; as in
   * {@link StudioApi.judgePairs}, encoders may be sentence-transformers folders, or any checkpoint.
   */
  embed(encoder: GivenEncoder, texts: readonly GivenFile[], wish: SentenceWish, listen?: StudioListener): Promise<EmbeddedSentences>;
  /**
   * Judges an encoder by a table of two sentences and a score a row, and its student beside it: correlation of cosines and
   * scores, and what becomes of every sentence's neighbours.
   * @param columns of the table; found by name and content if none are named
   */
  judgePairs(
    table: GivenFile,
    columns: PairColumnNames | undefined,
    teacher: GivenEncoder,
    student: GivenEncoder | undefined,
    wish: SentenceWish,
    listen?: StudioListener,
  ): Promise<PairReport>;
  /** Attention of a student checkpoint beside the loaded teacher's: on held-out text, and of a sentence if there is one. */
  attentionOf(
    student: { readonly name: string; readonly files: readonly GivenFile[] },
    seed: number,
    sentence?: string,
    listen?: StudioListener,
  ): Promise<AttentionReport>;
  /**
   * Attention of one student head, counted from 0, beside its teacher head's, in the finished run.
   * @param listen hears how far GPU kernels are measured and compiled, as it does below
   */
  attention(sentence: string, layer: number, head: number, listen?: StudioListener): Promise<AttentionComparison>;
  /** Both models' words for the first [MASK] of a sentence, in the finished run. */
  fillMask(sentence: string, listen?: StudioListener): Promise<FillComparison>;
  /** Cosines of every two sentences, one a line, by the vectors of both models, in the finished run of a teacher for sentence vectors. */
  similarities(sentences: string, listen?: StudioListener): Promise<SentenceComparison>;
  exportStudent(name: string, listen: StudioListener, options?: ExportOptions): Promise<ExportResult>;
  /**
   * A run of this recipe as a folder for PyTorch (`cluster/`), calibrated here if its method calibrates. The teacher's weights and
   * the text are not in it. {@link StudioApi.cancelExport} ends it.
   * @throws `recipe` naming what PyTorch does not train
   */
  exportJob(recipe: Recipe, name: string, listen: StudioListener): Promise<JobResult>;
  /** Ends an export that is going on: it rejects with code `cancelled`. */
  cancelExport(): Promise<void>;
  /** The loaded teacher in the same forms: a converter from any checkpoint that can be read. Needs no text and no run. */
  exportTeacher(name: string, listen: StudioListener, options?: ExportOptions): Promise<ExportResult>;
}
