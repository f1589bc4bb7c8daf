import type { HistoryApi, RunInputs } from './historyApi.ts';

export type * from './historyApi.ts';

/**
 * The verbs and events of a session: the only shape that crosses comlink.
 *
 * Numbers are plain; large data are transferred `Uint8Array`s. Errors cross as {@link StudioFault}.
 */

import type { HeadState, TensorUse } from '../bert/tensorMap.ts';
import type { ByteContent } from '../tensor/byteSource.ts';
import type { HubRequest } from './hub/hubClient.ts';
import type { ExportOptions, ExportResult, OnnxFileReport } from './exportApi.ts';

export type { HeadState, HubRequest, TensorUse };
export type { ExportOptions, ExportResult, OnnxCheck, OnnxFileReport, OnnxHeldOut, OnnxLatency, OnnxPrecision } from './exportApi.ts';

/** An error as it crosses the worker boundary. `code` is stable, `message` is for people. */
export interface StudioFault {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/**
 * A file as the user gave it: `path` relative to the dropped folder, POSIX separators.
 * A browser's `File` crosses to the worker unread, and is read there by slices (tensor/byteSource.ts).
 */
export interface GivenFile {
  readonly path: string;
  readonly bytes: ByteContent;
}

/** Which of some files, by their places, make a teacher, and which are text. */
export interface SortedFiles {
  readonly teacher: readonly number[];
  readonly text: readonly number[];
}

/** Shape of a BERT in the numbers that a user may choose. `hiddenSize = heads * headSize` always. */
export interface ModelShape {
  readonly layers: number;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly headSize: number;
  readonly intermediateSize: number;
}

/** Students by name: shares of the teacher's head size and FFN. On BERT-base, `wid55` and `wid11` are the paper's. */
export type PresetName = 'wid55' | 'wid11' | 'half' | 'quarter';

export interface StudentPreset {
  readonly name: PresetName;
  readonly shape: ModelShape;
}

/** What a user said about the student; what was not said follows from the teacher and the preset (`half` if none). */
export interface ShapeWish {
  readonly preset?: PresetName;
  /** Residual width; must be heads x head size. */
  readonly width?: number;
  readonly layers?: number;
  readonly heads?: number;
  readonly headSize?: number;
  readonly intermediate?: number;
  /** Most bytes of the fp32 weights; the widest student under it is taken. Goes with `layers` and `heads` alone. */
  readonly maxBytes?: number;
}

/** What arrived as a teacher. */
export interface TeacherReport {
  readonly name: string;
  readonly shape: ModelShape;
  readonly vocabularySize: number;
  readonly maxPositions: number;
  readonly parameters: number;
  /** Size of the weights as 4-byte floats, in bytes. */
  readonly bytes: number;
  /** `none`: the checkpoint holds an encoder alone. */
  readonly head: HeadState;
  /** Every tensor: those of the checkpoint in its order, then those that are missing. */
  readonly tensors: readonly TensorUse[];
  /** What the user should know of this checkpoint, in sentences: a head that is not carried over, copies that differ. */
  readonly notes: readonly string[];
  readonly ignored: readonly string[];
  readonly renamed: readonly string[];
}

/** What the user said about a text. */
export interface TextWish {
  /** Tokens per packed sequence. */
  readonly sequence: number;
  /** Of the held-out split. */
  readonly seed: number;
  /** Column of a table, or field of JSON records, that holds the text; chosen by name and content if not given. */
  readonly column?: string;
}

/** A token as training sees it; with `answer`, it is to be predicted. */
export type TextExample = readonly { readonly token: string; readonly answer?: string }[];

/** What arrived as text, after tokenisation. */
export interface TextReport {
  readonly name: string;
  readonly files: number;
  readonly bytes: number;
  readonly documents: number;
  readonly tokens: number;
  readonly trainSequences: number;
  readonly heldOutSequences: number;
  /** Tokens per packed sequence. */
  readonly sequence: number;
  /** Share of unknown tokens, 0 to 1. */
  readonly unknownShare: number;
  /** Documents by their length in tokens, `from` <= length < `to`, in rising order. */
  readonly lengths: readonly { readonly from: number; readonly to: number; readonly documents: number }[];
  /** The start of one training sequence with its masking. */
  readonly example: TextExample;
  /** Of the first file that has columns or fields, or null. */
  readonly columns: { readonly names: readonly string[]; readonly chosen: string } | null;
  /** Sentences about what was left out or looks wrong. */
  readonly notices: readonly string[];
}

/**
 * How a student is trained (wid.md section 5): `calibrated` trains compactors and then polishes; the others are
 * baselines on the student's own weights, from pruning, with logit distillation, or from random weights.
 */
export type Mode = 'calibrated' | 'paper' | 'progressive' | 'prune' | 'distil' | 'scratch';

/** What the steps of a run train: compactors, or the student's own weights. */
export type PhaseName = 'compactors' | 'gates' | 'polish';

/** Settings of `paper` mode (wid.md section 6), where they differ from the other modes'. */
export interface PaperRecipe {
  readonly compactorLearningRate: number;
  /** Of the teacher's own weights; 0 freezes them. */
  readonly weightLearningRate: number;
  /** Steps between mask events; 0 = a 32nd of the run, rounded down. */
  readonly maskEvery: number;
  /** Strength of the penalty gradient, lambda. */
  readonly penalty: number;
  readonly warmup: number;
  readonly weightDecay: number;
}

/** Everything that decides a run. The same recipe and seed give the same run. */
export interface Recipe {
  readonly mode: Mode;
  /** Where `prune` and `distil` start: a plain selection, or the calibrated student. */
  readonly start: 'selection' | 'calibrated';
  readonly student: ModelShape;
  readonly tied: boolean;
  readonly steps: number;
  /** Sequences in one optimiser step. */
  readonly batch: number;
  /** Tokens in one sequence. */
  readonly sequence: number;
  /** Share of the steps, 0 to 1, that trains compactors; the rest polishes the student's own weights. */
  readonly compactorShare: number;
  readonly compactorLearningRate: number;
  /** Learning rate of the teacher's own weights under the compactors; 0 = they stay as they are. */
  readonly teacherLearningRate: number;
  /**
   * Where fewer layers inherit from: evenly spaced ones that begin at the first (`first`) or end at the last (`even`), or
   * mixtures of all that are learned from those of `first`.
   */
  readonly depth: 'first' | 'even' | 'mixture';
  /** `paper` only: what the paper publishes, to be departed from knowingly. */
  readonly paper: PaperRecipe;
  /** `progressive` only: share of the steps, 0 to 1, over which the gates close; the rest polishes. */
  readonly rampShare: number;
  readonly polishLearningRate: number;
  /** Share of the steps spent in linear warm-up, 0 to 1. */
  readonly warmup: number;
  /** How the rate falls to zero after warm-up: a straight line or half a cosine. */
  readonly decay: 'linear' | 'cosine';
  /** Micro-batches that a step's sequences are cut into: less memory, the same step. Compactors are merged once for all. */
  readonly accumulation: number;
  /** Share of tokens that a training batch predicts, 0 to 1; held-out numbers always predict 15 %. */
  readonly masking: number;
  /** Mask all pieces of a word together while training. */
  readonly wholeWords: boolean;
  readonly weightDecay: number;
  readonly clipNorm: number;
  /** Closed-form start: from the teacher's activations alone, or layer by layer against the student built so far. */
  readonly calibration: 'one-pass' | 'sequential';
  /** Tokens gathered for calibration. */
  readonly calibrationTokens: number;
  /** `distil` only: softens both distributions. */
  readonly distillationTemperature: number;
  /** `distil` only: share of the loss, 0 to 1, that comes from the teacher's logits. */
  readonly distillationShare: number;
  /** `distil` only: weight of the difference of hidden states, through a learned projection, added to the loss; 0 = none. */
  readonly distillationHidden: number;
  readonly evaluateEvery: number;
  readonly seed: number;
}

/** Engines by name; `auto` picks the fastest that this machine can use. */
export type EngineChoice = 'auto' | 'cpu' | 'reference' | 'webgpu';

/** How an engine works, where a user may say. */
export interface EngineSettings {
  /**
   * Whether WebGPU measures its matrix kernels on first use and takes the fastest (the default). Without it, kernels depend
   * on the adapter alone, and a run gives the same numbers to the last bit before anything was measured and after.
   */
  readonly tuning?: boolean;
}

/** Measured speeds at f32 matrix products, in GFLOP/s. */
export interface EngineSpeeds {
  readonly cpu: number;
  readonly webgpu: number;
}

/** The engine that a session runs on. */
export interface EngineReport {
  readonly name: string;
  /** One line for the header: kernels, threads, adapter. */
  readonly detail: string;
  readonly threads: number;
  /** The GPU adapter, where one was asked for and found; a software one is a processor that plays a GPU. */
  readonly adapter?: { readonly name: string; readonly software: boolean };
  /** Of both engines, where `auto` compared them. */
  readonly speeds?: EngineSpeeds;
  /** Why `auto` did not take WebGPU; absent where it did, or where another engine was asked for. */
  readonly notWebGpu?: string;
}

/** What a student would cost, computed before anything runs. */
export interface PlanReport {
  readonly parameters: number;
  readonly teacherParameters: number;
  readonly bytesFp32: number;
  readonly bytesFp16: number;
  readonly bytesInt8: number;
  readonly multiplyAddsPerToken: number;
  readonly teacherMultiplyAddsPerToken: number;
}

/** What the steps of one phase cost, from the planned program; nothing is run or allocated for it. */
export interface StepCost {
  readonly phase: PhaseName;
  readonly steps: number;
  /** Memory of the program, in bytes: weights, optimiser state and activations at their peak. */
  readonly bytes: number;
  /** Floating-point operations of one step. */
  readonly flops: number;
  /** Size of a checkpoint in this phase, in bytes. */
  readonly checkpointBytes: number;
}

/** Held-out numbers of one model. */
export interface HeldOut {
  /** Mean cross-entropy of masked tokens, nats. */
  readonly loss: number;
  /** Share of masked tokens whose top prediction is right, 0 to 1. */
  readonly accuracy: number;
  /** Share of masked tokens where the top prediction equals the teacher's, 0 to 1. */
  readonly agreement: number;
}

/** Attention similarity of student and teacher (wid.md section 7), 1 - Jensen-Shannon divergence unless said. */
export interface SimilarityReport {
  /** By student layer and head. */
  readonly layers: readonly (readonly number[])[];
  /** The teacher head that every student head came from, by student layer. */
  readonly origins: readonly (readonly number[])[];
  readonly mean: number;
  /** Mean cosine of the same rows. */
  readonly cosine: number;
  /** Mean over pairings with other heads of the same layer. */
  readonly chance: number;
}

/** How much of every teacher dimension of one space goes through its compactor: what the student keeps. */
export interface SpaceNorms {
  readonly space: 'residual' | 'queryKey' | 'valueOutput' | 'ffn' | 'mlm';
  /** Student layer, or null for a space that the whole model shares. */
  readonly layer: number | null;
  /** Dimensions of the space in the teacher. */
  readonly size: number;
  /**
   * L2 norms in the order of the teacher's dimensions, at most 64: means over neighbours in larger spaces. In mode
   * `progressive` gates from 0 to 1, with the dimensions that go at the end.
   */
  readonly norms: readonly number[];
}

/** A run that stopped, or was cut off, before its last step. */
export interface UnfinishedRun {
  readonly run: string;
  readonly recipe: Recipe;
  readonly inputs: RunInputs;
  /** Steps that its newest whole checkpoint holds. */
  readonly done: number;
  /** Milliseconds since 1970. */
  readonly savedAt: number;
}

/** What `start` returns when the run is over. */
export interface RunResult {
  readonly teacher: HeldOut;
  readonly untrained: HeldOut;
  readonly trained: HeldOut;
  readonly stepsDone: number;
  readonly stopped: boolean;
  readonly similarity: SimilarityReport;
  /**
   * The model as it was trained, in modes whose student is cut out of a larger one (`paper`, `progressive` when stopped
   * early). What `trained` falls short of it is the gap that dropping near-zero dimensions opened.
   */
  readonly whole?: HeldOut;
  /** Why the run ended early by itself (numbers that are not finite), or null. */
  readonly fault: string | null;
  readonly seconds: number;
}

/** One head's attention of both models on one sentence: rows are queries, columns keys, each row sums to 1. */
export interface AttentionComparison {
  readonly tokens: readonly string[];
  readonly teacher: readonly (readonly number[])[];
  readonly student: readonly (readonly number[])[];
}

export interface MaskGuess {
  readonly word: string;
  /** 0 to 1. */
  readonly probability: number;
}

/** Attention of a student checkpoint beside its teacher's. */
export interface AttentionReport {
  readonly similarity: SimilarityReport;
  /** Teacher layer by student layer. */
  readonly layerMap: readonly number[];
  /** Of the sentence; empty without one, as are the maps. */
  readonly tokens: readonly string[];
  /** Every student head beside the teacher head `origin` that it came from: rows are queries, columns keys. */
  readonly maps: readonly {
    readonly layer: number;
    readonly head: number;
    readonly origin: number;
    readonly teacher: readonly (readonly number[])[];
    readonly student: readonly (readonly number[])[];
  }[];
}

/** The likeliest words for a [MASK], best first. */
export interface FillComparison {
  readonly teacher: readonly MaskGuess[];
  readonly student: readonly MaskGuess[];
}

/** What a session says while it works. */
export type StudioEvent =
  | { readonly kind: 'progress'; readonly stage: string; readonly done: number; readonly total: number; readonly unit?: 'bytes' }
  | {
      readonly kind: 'step';
      readonly step: number;
      readonly steps: number;
      readonly phase: PhaseName;
      readonly loss: number;
      readonly gradientNorm: number;
      readonly learningRate: number;
      /** 0 as long as it is not known: after the first step of a phase. */
      readonly tokensPerSecond: number;
      /** Means nothing while `tokensPerSecond` is 0. */
      readonly secondsLeft: number;
    }
  | { readonly kind: 'kept'; readonly step: number }
  /** A checkpoint could not be written. `paused`: there is no room for it, and the run waits for {@link StudioApi.resume}. */
  | { readonly kind: 'notKept'; readonly step: number; readonly reason: string; readonly paused: boolean }
  /** A device was lost: the run goes on from `step` on another engine, or on a new device of the same. */
  | { readonly kind: 'engineChanged'; readonly step: number; readonly engine: EngineReport; readonly reason: string }
  /** At evaluations of phases that have compactors or gates. */
  | { readonly kind: 'norms'; readonly step: number; readonly spaces: readonly SpaceNorms[] }
  | { readonly kind: 'similarity'; readonly step: number; readonly value: SimilarityReport }
  | { readonly kind: 'heldOut'; readonly step: number; readonly model: 'teacher' | 'student'; readonly value: HeldOut }
  /** An ONNX file of an export was checked. */
  | { readonly kind: 'onnxFile'; readonly file: OnnxFileReport };

export type StudioListener = (event: StudioEvent) => void;

/** The session's verbs. Every one rejects with a {@link StudioFault}-shaped error. */
export interface StudioApi extends HistoryApi {
  engine(choice: EngineChoice, threads?: number, settings?: EngineSettings): Promise<EngineReport>;
  /** Speed of the engine at hand at f32 matrix products, in GFLOP/s, measured in about a third of a second. Not during a run. */
  engineSpeed(): Promise<number>;
  /** Tells a checkpoint's files from texts, by content where that can tell. Reads no more than their beginnings. */
  sortFiles(files: readonly GivenFile[]): Promise<SortedFiles>;
  /** Reads a checkpoint, with progress in bytes where that takes a while. Refused while a run goes on. */
  loadTeacher(name: string, files: readonly GivenFile[], listen?: StudioListener): Promise<TeacherReport>;
  /** Fetches a repository's teacher, with progress in bytes; what has arrived is kept, and fetching again goes on from there. */
  loadHubTeacher(request: HubRequest, listen: StudioListener): Promise<TeacherReport>;
  /** Ends fetching or reading a teacher by an error of code `cancelled`; the one before stays. */
  cancelTeacher(): Promise<void>;
  /** Deletes every file that was fetched from a hub and kept. */
  clearHubCache(): Promise<void>;
  /** Reads text files of any format, or zips of them. A text that fails or is cancelled leaves the one before in place. */
  loadText(name: string, files: readonly GivenFile[], wish: TextWish, listen?: StudioListener): Promise<TextReport>;
  /** Ends a `loadText` that is going on: it rejects with code `cancelled`. */
  cancelText(): Promise<void>;
  /** Recipe defaults for the loaded teacher. */
  defaults(): Promise<Recipe>;
  /** The named students of the loaded teacher. */
  presets(): Promise<readonly StudentPreset[]>;
  /** The legal student that a wish describes; a refusal carries the nearest legal ones in `details.nearest`. */
  student(wish: ShapeWish, tied: boolean): Promise<ModelShape>;
  plan(recipe: Recipe): Promise<PlanReport>;
  /** Memory and work of the recipe's steps, phase by phase. Slower than `plan`: it lays the training graphs. */
  stepCosts(recipe: Recipe): Promise<readonly StepCost[]>;
  start(recipe: Recipe, listen: StudioListener): Promise<RunResult>;
  /** Runs that have a checkpoint and that nobody is training, the furthest first. Empty where the session keeps none. */
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
  /** Reads a checkpoint as a student of the loaded teacher, and rejects if it is none: cheap, before an engine is made. */
  checkStudent(student: { readonly name: string; readonly files: readonly GivenFile[] }): Promise<TeacherReport>;
  /**
   * Held-out numbers of the teacher on the loaded text, and of a student checkpoint on the same masked tokens.
   * @param batch sequences judged at once
   */
  evaluate(
    student: { readonly name: string; readonly files: readonly GivenFile[] } | undefined,
    batch: number,
    seed: number,
  ): Promise<{ readonly teacher: HeldOut; readonly student?: HeldOut }>;
  /** Attention of a student checkpoint beside the loaded teacher's: on held-out text, and of a sentence if there is one. */
  attentionOf(
    student: { readonly name: string; readonly files: readonly GivenFile[] },
    seed: number,
    sentence?: string,
  ): Promise<AttentionReport>;
  /** Attention of one student head, counted from 0, beside its teacher head's, in the finished run. */
  attention(sentence: string, layer: number, head: number): Promise<AttentionComparison>;
  /** Both models' words for the first [MASK] of a sentence, in the finished run. */
  fillMask(sentence: string): Promise<FillComparison>;
  exportStudent(name: string, listen: StudioListener, options?: ExportOptions): Promise<ExportResult>;
  /** Ends an export that is going on: it rejects with code `cancelled`. */
  cancelExport(): Promise<void>;
  /** The loaded teacher in the same forms: a converter from any checkpoint that can be read. Needs no text and no run. */
  exportTeacher(name: string, listen: StudioListener, options?: ExportOptions): Promise<ExportResult>;
}
