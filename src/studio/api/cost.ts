import type { PhaseName } from './recipe.ts';

/** What a student would cost, computed before anything runs. */
export interface PlanReport {
  readonly parameters: number;
  readonly teacherParameters: number;
  /** Of the student's parameters, those of its table of words and its decoder. */
  readonly vocabularyParameters: number;
  readonly bytesFp32: number;
  readonly bytesFp16: number;
  readonly bytesInt8: number;
  readonly multiplyAddsPerToken: number;
  readonly teacherMultiplyAddsPerToken: number;
  /** Teacher layer, from 0, of every layer of the student. */
  readonly layerMap: readonly number[];
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
