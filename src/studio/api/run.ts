import type { SpaceNorms } from '../../wid/norms.ts';
import type { EngineReport } from './engine.ts';
import type { OnnxFileReport } from './exporting.ts';
import type { PhaseName } from './recipe.ts';
export type { SpaceNorms } from '../../wid/norms.ts';

/** What a user allows when a run starts, and asks for beside its recipe. */
export interface StartWishes {
  /** A step may take more of a GPU's memory than the machine may have. */
  readonly beyondMemory?: boolean;
  /** Stable name of a kept run: this one begins with its compactors instead of calibrating. Its record says so. */
  readonly startFrom?: string;
}

/** Held-out numbers of one model. */
export interface HeldOut {
  /** Mean cross-entropy of masked tokens, nats. */
  readonly loss: number;
  /** Share of masked tokens whose top prediction is right, 0 to 1. */
  readonly accuracy: number;
  /** Share of masked tokens for which the top prediction is the teacher's, 0 to 1. */
  readonly agreement: number;
}

/** Attention similarity of student and teacher (docs/method.md section 7), 1 - Jensen-Shannon divergence unless said. */
export interface SimilarityReport {
  /** By student layer and head. */
  readonly layers: readonly (readonly number[])[];
  /** The teacher head that every student head came from, by student layer. */
  readonly origins: readonly (readonly number[])[];
  readonly mean: number;
  /** Mean cosine of the same rows. */
  readonly cosine: number;
  /** Chance level: the mean over pairings with other heads of the same layer. */
  readonly chance: number;
}

/** What `start` returns when the run is over. */
export interface RunResult {
  readonly teacher: HeldOut;
  /** The start: the student before the first step. Modes that train a larger model cut it out of the teacher. */
  readonly untrained: HeldOut;
  readonly trained: HeldOut;
  readonly stepsDone: number;
  /** If the student is an earlier one, since the run diverged or ended worse than it began: the step after which it was so. */
  readonly studentStep?: number;
  readonly stopped: boolean;
  readonly similarity: SimilarityReport;
  /**
   * The model as it was trained, in modes that cut the student out of a larger model (`paper`, or `progressive` if it stopped
   * early). Absent after a fall back. Its lead over `trained` is what dropping near-zero dimensions cost.
   */
  readonly whole?: HeldOut;
  /** Why the run ended early by itself (numbers that are not finite or have exploded), or null. */
  readonly fault: string | null;
  readonly seconds: number;
  /** Words that all losses are taken over: the vocabulary, cut or whole. Missing in results of older builds. */
  readonly vocabularySize?: number;
}

/** What a session says while it works. */
export type StudioEvent =
  /** A new run has its name, and what it does is kept from here on. */
  | { readonly kind: 'begun'; readonly name: string }
  | { readonly kind: 'progress'; readonly stage: string; readonly done: number; readonly total: number; readonly unit?: 'bytes' }
  | {
      readonly kind: 'step';
      readonly step: number;
      readonly steps: number;
      readonly phase: PhaseName;
      readonly loss: number;
      readonly gradientNorm: number;
      readonly learningRate: number;
      /** 0 if not yet known, which is so after the first step of a phase. */
      readonly tokensPerSecond: number;
      /** Without meaning while `tokensPerSecond` is 0. */
      readonly secondsLeft: number;
    }
  | { readonly kind: 'kept'; readonly step: number }
  /** A checkpoint could not be written. `paused`: there is no room for it, and the run waits for {@link StudioApi.resume}. */
  | { readonly kind: 'notKept'; readonly step: number; readonly reason: string; readonly paused: boolean }
  /** A device was lost: the run goes on from `step` on another engine, or on a new device of the same. */
  | { readonly kind: 'engineChanged'; readonly step: number; readonly engine: EngineReport; readonly reason: string }
  /** A continued run has another engine than its kept steps had, or other measured kernels. */
  | { readonly kind: 'engineDiffers'; readonly step: number; readonly engine: EngineReport; readonly reason: string }
  /** At evaluations of phases that have compactors or gates. */
  | { readonly kind: 'norms'; readonly step: number; readonly spaces: readonly SpaceNorms[] }
  | { readonly kind: 'similarity'; readonly step: number; readonly value: SimilarityReport }
  | { readonly kind: 'heldOut'; readonly step: number; readonly model: 'teacher' | 'student'; readonly value: HeldOut }
  /** An ONNX file of an export was checked. */
  | { readonly kind: 'onnxFile'; readonly file: OnnxFileReport };

export type StudioListener = (event: StudioEvent) => void;
