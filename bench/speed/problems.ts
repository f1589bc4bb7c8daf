import type { BertConfig } from '../../src/models/config.ts';
import { Random } from '../../src/tensor/random.ts';

/** C [m, n] = A [m, k] B [k, n], random normal. */
export interface Gemm {
  readonly kind: 'gemm';
  readonly m: number;
  readonly k: number;
  readonly n: number;
}

/** `batch` products of their own, C [batch, m, n]: what attention is made of. */
export interface BatchedGemm {
  readonly kind: 'batched';
  readonly batch: number;
  readonly m: number;
  readonly k: number;
  readonly n: number;
}

/** What is measured; plain data, because it goes to a page. */
export type Problem =
  | Gemm
  | BatchedGemm
  /** Fused multiply-adds in registers: what a GPU can do at most. */
  | { readonly kind: 'fma' }
  /** Logits of every token of {@link BERT}. */
  | { readonly kind: 'forward' }
  /** One training step of {@link BERT}: forward, backward, clipping, AdamW. */
  | { readonly kind: 'step' };

export const GEMMS: readonly Gemm[] = [
  { kind: 'gemm', m: 2048, k: 128, n: 128 },
  { kind: 'gemm', m: 2048, k: 512, n: 128 },
  { kind: 'gemm', m: 1024, k: 768, n: 768 },
];

/** Scores and weighted values of 64 heads of 32 over 128 tokens. */
export const BATCHED: readonly BatchedGemm[] = [
  { kind: 'batched', batch: 64, m: 128, k: 32, n: 128 },
  { kind: 'batched', batch: 64, m: 128, k: 128, n: 32 },
];

/** Threads of so many rounds of so many products each, by chains of 4 to 32 sums that do not wait for each other. */
export const FMA = { kind: 'fma', threads: 8192, rounds: 1000, products: 64, sums: [4, 8, 16, 32] } as const;

/** 4 layers of 128, vocabulary 8192: the student that the project's speed is judged by. */
export const BERT: BertConfig = {
  vocabSize: 8192,
  hiddenSize: 128,
  layers: 4,
  heads: 2,
  intermediateSize: 512,
  hiddenAct: 'gelu',
  maxPositions: 128,
  typeVocabSize: 2,
  layerNormEps: 1e-12,
  padTokenId: 0,
  tieWordEmbeddings: true,
  initializerRange: 0.02,
  hiddenDropout: 0,
  attentionDropout: 0,
};

export interface BatchSize {
  readonly batch: number;
  readonly sequence: number;
  /** Tokens that are predicted. */
  readonly slots: number;
}

export const BATCH: BatchSize = { batch: 16, sequence: 128, slots: 304 };

/** Rows of the logits that are compared: one of every sequence. */
export const COMPARED_ROWS = Array.from({ length: BATCH.batch }, (_, i) => i * BATCH.sequence + ((7 * i) % BATCH.sequence));

/** Steps from fresh weights of which the losses are compared. */
export const COMPARED_STEPS = 3;
export const LEARNING_RATE = 1e-3;
export const WEIGHT_DECAY = 0.01;
export const WEIGHTS_SEED = 11;

export function nameOf(problem: Problem): string {
  if (problem.kind === 'gemm') return `matmul ${problem.m} x ${problem.k} x ${problem.n}`;
  if (problem.kind === 'batched') return `${problem.batch} x (${problem.m} x ${problem.k} x ${problem.n})`;
  if (problem.kind === 'fma') return 'fused multiply-adds';
  return problem.kind === 'forward' ? 'forward, 16 x 128 tokens, all logits' : 'training step, 16 x 128 tokens, 304 masked';
}

/** Floating-point operations of the matrix products alone, the usual measure. */
export function flopsOf(problem: Problem): number {
  if (problem.kind === 'gemm') return 2 * problem.m * problem.k * problem.n;
  if (problem.kind === 'batched') return 2 * problem.batch * problem.m * problem.k * problem.n;
  if (problem.kind === 'fma') return 2 * FMA.threads * FMA.rounds * FMA.products;
  const { layers, hiddenSize: d, intermediateSize: f, vocabSize } = BERT;
  const tokens = BATCH.batch * BATCH.sequence;
  const layer = 2 * tokens * (4 * d * d + 2 * d * f + 2 * BATCH.sequence * d);
  const head = (rows: number): number => 2 * rows * (d * d + d * vocabSize);
  return problem.kind === 'forward' ? layers * layer + head(tokens) : 3 * (layers * layer + head(BATCH.slots));
}

export function randomMatrix(rows: number, columns: number, seed: number): Float32Array<ArrayBuffer> {
  const random = new Random(seed);
  return Float32Array.from({ length: rows * columns }, () => random.normal());
}

/** Random tokens and labels; no padding. */
export function batchOf({ batch, sequence, slots }: BatchSize): { ids: Int32Array; positions: Int32Array; labels: Int32Array } {
  const random = new Random(5);
  const tokens = batch * sequence;
  return {
    ids: Int32Array.from({ length: tokens }, () => random.integer(BERT.vocabSize)),
    positions: Int32Array.from({ length: slots }, (_, i) => Math.floor((i * tokens) / slots)),
    labels: Int32Array.from({ length: slots }, () => random.integer(BERT.vocabSize)),
  };
}

/**
 * How far C is from A B, over all of its entries at the cost of one row: C r against A (B r) for a random r, in float64.
 * Relative to the largest entry of A (B r). Source: Freivalds 1977.
 */
export function productError({ m, k, n }: Gemm, a: Float32Array, b: Float32Array, c: ArrayLike<number>): number {
  if (c.length !== m * n) return Infinity;
  const random = new Random(3);
  const r = Float64Array.from({ length: n }, () => random.normal());
  const times = (matrix: ArrayLike<number>, rows: number, columns: number, x: Float64Array): Float64Array =>
    Float64Array.from({ length: rows }, (_, i) => {
      let sum = 0;
      for (let j = 0; j < columns; j++) sum += (matrix[i * columns + j] ?? 0) * (x[j] ?? 0);
      return sum;
    });
  return relativeDifference(times(c, m, n, r), times(a, m, k, times(b, k, n, r)));
}

/** The worst {@link productError} of a batch. */
export function batchedError({ batch, m, k, n }: BatchedGemm, a: Float32Array, b: Float32Array, c: ArrayLike<number>): number {
  if (c.length !== batch * m * n) return Infinity;
  const whole = Float32Array.from(c);
  const part = (data: Float32Array, index: number, size: number): Float32Array => data.subarray(index * size, (index + 1) * size);
  return Math.max(
    ...Array.from({ length: batch }, (_, i) =>
      productError({ kind: 'gemm', m, k, n }, part(a, i, m * k), part(b, i, k * n), part(whole, i, m * n)),
    ),
  );
}

/** How far the chains of {@link FMA} ended from their closed form. @param output the number of sums, then a number a thread */
export function fmaError(output: ArrayLike<number>): number {
  const [sums = 0, ...found] = Array.from(output);
  if (found.length !== FMA.threads || sums < 1) return Infinity;
  const steps = (FMA.rounds * FMA.products) / sums;
  const truth = found.map((_, id) => {
    const x = Math.fround(Math.fround(id * 1e-9) + Math.fround(0.999));
    const fixed = 1e-6 / (1 - x);
    const decay = x ** steps;
    return sums * fixed + decay * ((sums * (sums - 1)) / 2 - sums * fixed);
  });
  return relativeDifference(found, truth);
}

/** Largest difference, relative to the largest number of `truth`; NaN counts as infinitely far. */
export function relativeDifference(values: ArrayLike<number>, truth: ArrayLike<number>): number {
  if (values.length !== truth.length || truth.length === 0) return Infinity;
  let scale = 0;
  let worst = 0;
  for (let i = 0; i < truth.length; i++) {
    const difference = Math.abs((values[i] ?? Number.NaN) - (truth[i] ?? Number.NaN));
    if (Number.isNaN(difference)) return Infinity;
    scale = Math.max(scale, Math.abs(truth[i] ?? 0));
    worst = Math.max(worst, difference);
  }
  return worst / scale;
}
