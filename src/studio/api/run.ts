import type { SpaceNorms } from '../../wid/norms.ts';
import type { EngineReport } from './engine.ts';
import type { OnnxFileReport } from './exporting.ts';
import type { PhaseName } from './recipe.ts';
export type { SpaceNorms } from '../../wid/norms.ts';

/** Held-out numbers of one model. */
export interface HeldOut {
  /** Mean cross-entropy of masked tokens, nats. */
  readonly loss: number;
  /** Share of masked tokens whose top prediction is right, 0 to 1. */
  readonly accuracy: number;
  /** Share of masked tokens where the top prediction equals the teacher's, 0 to 1. */
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
  /** Mean over pairings with other heads of the same layer. */
  readonly chance: number;
}

/** What `start` returns when the run is over. */
export interface RunResult {
  readonly teacher: HeldOut;
  /** The student before the first step; cut out of the teacher in modes that train a larger model. */
  readonly untrained: HeldOut;
  readonly trained: HeldOut;
  readonly stepsDone: number;
  /** Where a run that diverged fell back to an earlier student: the step after which it was so. */
  readonly studentStep?: number;
  readonly stopped: boolean;
  readonly similarity: SimilarityReport;
  /**
   * The model as it was trained, in modes whose student is cut out of a larger one (`paper`, `progressive` when stopped
   * early); not told after a fall back. What `trained` falls short of it is the gap that dropping near-zero dimensions opened.
   */
  readonly whole?: HeldOut;
  /** Why the run ended early by itself (numbers that are not finite or have exploded), or null. */
  readonly fault: string | null;
  readonly seconds: number;
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
  /** A run that goes on has another engine, or other measured kernels, than the steps that were kept. */
  | { readonly kind: 'engineDiffers'; readonly step: number; readonly engine: EngineReport; readonly reason: string }
  /** At evaluations of phases that have compactors or gates. */
  | { readonly kind: 'norms'; readonly step: number; readonly spaces: readonly SpaceNorms[] }
  | { readonly kind: 'similarity'; readonly step: number; readonly value: SimilarityReport }
  | { readonly kind: 'heldOut'; readonly step: number; readonly model: 'teacher' | 'student'; readonly value: HeldOut }
  /** An ONNX file of an export was checked. */
  | { readonly kind: 'onnxFile'; readonly file: OnnxFileReport };

export type StudioListener = (event: StudioEvent) => void;
