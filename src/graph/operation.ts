import type { Value } from './value.ts';

export type GeluKind = 'gelu' | 'gelu_tanh' | 'relu';
export type Activation = 'none' | GeluKind;

/** Settings of an update in the order in which they lie in the `settings` tensor; `globalNorm` reads the last one, AdamW the others. */
export const ADAMW_SETTINGS = [
  'learningRate',
  'beta1',
  'beta2',
  'epsilon',
  'biasCorrection1',
  'biasCorrection2',
  'clipNorm',
  'normLimit',
] as const;

/** The `normLimit` of an update that any finite norm may reach. */
export const NO_NORM_LIMIT = 3e38;

/** `before` or `after` of `narrowKeys` in numbers: beyond any sequence, and far from what 32 bits hold. */
export const ALL_KEYS = 2 ** 30;

/**
 * What a node does, with its constants; engines switch on `kind`. Inputs and outputs are on the {@link Node}.
 *
 * Letters: b0, b1 batch; m, n, k matrix sides; N rows, d width, V table rows, A heads, T tokens.
 */
export type Operation =
  /** A [.., m, k] x B [.., k, n] (bias [n])? (addend like C)? -> C = activation(alpha A B + bias + addend), any strides. */
  | { readonly kind: 'matmul'; readonly alpha: number; readonly bias: boolean; readonly addend: boolean; readonly activation: Activation }
  /** x, y -> x + y, same dense layout. */
  | { readonly kind: 'add' }
  /** x, y -> x * y, same dense layout. */
  | { readonly kind: 'mul' }
  /** x -> factor * x. */
  | { readonly kind: 'scale'; readonly factor: number }
  /** x, s [1] -> s * x. */
  | { readonly kind: 'scaleBy' }
  /** x -> 1 / sqrt(x + epsilon). */
  | { readonly kind: 'rsqrt'; readonly epsilon: number }
  | { readonly kind: 'gelu'; readonly form: GeluKind }
  /** x, dy -> dy * gelu'(x). */
  | { readonly kind: 'geluGrad'; readonly form: GeluKind }
  /** x, g -> gelu(x) * g. */
  | { readonly kind: 'gatedGelu'; readonly form: GeluKind }
  /** x, g, dy -> dy * g * gelu'(x). */
  | { readonly kind: 'gatedGeluGrad'; readonly form: GeluKind }
  /**
   * x [N, A a], table [P, a] of cosines before sines, positions [N] i32 -> each pair (i, i + a / 2) of every head turned by its
   * angle at the row's position, or back.
   */
  | { readonly kind: 'rotate'; readonly inverse: boolean }
  /** x [N, d], gain [d], shift [d] -> y [N, d]; biased variance, epsilon inside the root. */
  | { readonly kind: 'layerNorm'; readonly epsilon: number }
  /** x [N, d], gain [d], dy [N, d] -> dx [N, d]. */
  | { readonly kind: 'layerNormGradInput'; readonly epsilon: number }
  /** x [N, d], dy [N, d] -> dgain [d]. */
  | { readonly kind: 'layerNormGradGain'; readonly epsilon: number }
  /** x [N, d] -> [d]. */
  | { readonly kind: 'reduceRows' }
  /** x -> [1]. */
  | { readonly kind: 'reduceSum' }
  /** s [1] -> any shape. */
  | { readonly kind: 'broadcast' }
  /** scores [B, A, T, U], ranges [B, T, 2] i32 -> softmax(alpha scores) over the keys [first, end) of the query, 0 outside. */
  | { readonly kind: 'softmax'; readonly alpha: number }
  /** p, dp [B, A, T, U], ranges [B, T, 2] i32 -> alpha p (dp - sum dp p) over the keys of the query, 0 outside. */
  | { readonly kind: 'softmaxGrad'; readonly alpha: number }
  /** ranges [B, T, 2] i32 -> i32, cut to the keys from `before` in front of each query to `after` behind it; null = as far as they go. */
  | { readonly kind: 'narrowKeys'; readonly before: number | null; readonly after: number | null }
  /** table [V, d], ids [N] i32 -> [N, d]; a negative id gives a row of zeros. */
  | { readonly kind: 'gatherRows' }
  /** dy [N, d], ids [N] i32 -> [V, d]: rows added up in order of N; negative ids are skipped. */
  | { readonly kind: 'scatterRows' }
  /** logits [M, V], labels [M] i32 -> -log softmax at the label [M]; 0 where the label is negative. */
  | { readonly kind: 'crossEntropy' }
  /** logits [M, V], labels [M] i32, drows [M] -> drows (softmax - onehot) [M, V]; 0 where the label is negative. */
  | { readonly kind: 'crossEntropyGrad' }
  /** logits [M, V], teacher logits [M, V], labels [M] -> KL(softmax(teacher / t) || softmax(logits / t)) t^2 [M]; 0 where the label is negative. */
  | { readonly kind: 'distillation'; readonly temperature: number }
  | { readonly kind: 'distillationGrad'; readonly temperature: number }
  /** logits [M, V] -> i32 [M], the first of the largest. */
  | { readonly kind: 'argmaxRows' }
  /** x -> the same elements in row-major order. */
  | { readonly kind: 'copy' }
  /** x -> written into the state `writes[0]`. */
  | { readonly kind: 'assign' }
  /** tensors -> [2]: their joint L2 norm, and 1 where it is finite, else 0. */
  | { readonly kind: 'globalNorm' }
  /**
   * count gradients, then settings [8] and norm [2]; writes count times
   * (parameter, first moment, second moment). Leaves all as it was while the norm's flag is 0.
   */
  | { readonly kind: 'adamw'; readonly count: number; readonly decay: readonly number[]; readonly rate: readonly number[] }
  /** Views: no work at run time. */
  | { readonly kind: 'reshape' }
  | { readonly kind: 'permute'; readonly axes: readonly number[] };

export type OperationKind = Operation['kind'];

/** Adds this gradient to `sum` (or starts the sum) and returns the new sum. */
export type Contribution = (sum: Value | null) => Value;

/** From the output's gradient to one contribution an input; null where no gradient flows. */
export type GradientRule = (dy: Value) => readonly (Contribution | null)[];

/** The slow twin: row-major inputs in float64 to the row-major output (and to `writes`, which hold their old values). */
export type Reference = (inputs: readonly Float64Array[], output: Float64Array, writes: readonly Float64Array[]) => void;

export interface Node {
  readonly operation: Operation;
  readonly inputs: readonly Value[];
  readonly output: Value;
  /** States that this node overwrites. */
  readonly writes: readonly Value[];
  /**
   * Inputs whose memory the output may take if nobody needs them afterwards: each of their elements is read before its place
   * is written, in every engine. None if left out.
   */
  readonly overwritable?: readonly Value[];
  readonly gradient: GradientRule | null;
  readonly reference: Reference;
  /** Floating-point operations of one run. */
  readonly flops: number;
}
