import type { OperationKind } from '../../graph/operation.ts';

/** Operations that take work; the others are views. */
export type Instruction = Exclude<OperationKind, 'reshape' | 'permute'>;

/**
 * The CPU engine's instructions; a place in this list is an opcode. scripts/buildKernels.mjs writes it out for the interpreter
 * (kernels/index.ts), which names the opcodes as they are named here.
 */
export const OPCODES = [
  'matmul',
  'add',
  'mul',
  'scale',
  'scaleBy',
  'gelu',
  'geluGrad',
  'layerNorm',
  'layerNormGradInput',
  'layerNormGradGain',
  'reduceRows',
  'reduceSum',
  'broadcast',
  'softmax',
  'softmaxGrad',
  'gatherRows',
  'scatterRows',
  'crossEntropy',
  'crossEntropyGrad',
  'distillation',
  'distillationGrad',
  'argmaxRows',
  'copy',
  'assign',
  'globalNorm',
  'adamw',
  'rsqrt',
  'multiply64',
  'gram64',
  'cholesky64',
  'solve64',
  'selectColumns',
  'gatedGelu',
  'gatedGeluGrad',
  'rotate',
  'narrowKeys',
] as const;

/** Instructions that no graph has: dense algebra in float64, which calibration asks for (wasmAlgebra.ts). */
export type DenseInstruction = 'multiply64' | 'gram64' | 'cholesky64' | 'solve64' | 'selectColumns';

/** -1 for an operation that the types say cannot be. An instruction that the list lacks does not compile here. */
export function opcodeOf(kind: Instruction | DenseInstruction): number {
  return OPCODES.indexOf(kind);
}
