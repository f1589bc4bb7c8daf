/** How the vectors of a sentence's tokens become one, by the names that sentence-transformers gives them. */
export const POOLERS = ['cls', 'max', 'mean', 'mean_sqrt_len_tokens', 'weightedmean', 'lasttoken'] as const;
export type Pooler = (typeof POOLERS)[number];

export const ACTIVATIONS = ['identity', 'tanh', 'relu', 'sigmoid'] as const;
export type DenseActivation = (typeof ACTIVATIONS)[number];

/** A linear layer on sentence vectors. */
export interface SentenceDense {
  readonly inputs: number;
  readonly outputs: number;
  /** [outputs, inputs] row-major. */
  readonly weight: Float32Array;
  /** [outputs]; undefined = none. */
  readonly bias: Float32Array | undefined;
  readonly activation: DenseActivation;
}

/** What makes a sentence's vector of its tokens' vectors. */
export interface SentencePooling {
  /** Several are concatenated, in this order. */
  readonly poolers: readonly Pooler[];
  /** What the pooled vector goes through. */
  readonly layers: readonly (SentenceDense | 'normalize')[];
}

export const MEAN_POOLING: SentencePooling = { poolers: ['mean'], layers: [] };

/** Width of the vectors. @param hiddenSize of the encoder, d */
export function vectorWidth({ poolers, layers }: SentencePooling, hiddenSize: number): number {
  let width = poolers.length * hiddenSize;
  for (const layer of layers) if (layer !== 'normalize') width = layer.outputs;
  return width;
}

/**
 * The vector of one sentence. Sums are of double precision, as many tokens are added.
 * @param hidden states of its tokens, [n, d] row-major, n at least 1: special tokens count, as in sentence-transformers
 * @returns [width], see {@link vectorWidth}
 */
export function pooled(pooling: SentencePooling, hidden: Float32Array, d: number): Float32Array {
  const n = hidden.length / d;
  let vector = new Float64Array(pooling.poolers.length * d);
  pooling.poolers.forEach((pooler, at) => {
    const into = vector.subarray(at * d, (at + 1) * d);
    if (isLinear(pooler)) tokenWeights(pooler, n).forEach((weight, token) => addWeighted(into, weight, hidden, token * d));
    else for (let i = 0; i < d; i++) into[i] = largest(hidden, d, i);
  });
  for (const layer of pooling.layers) vector = layer === 'normalize' ? normalised(vector) : dense(layer, vector);
  return Float32Array.from(vector);
}

function addWeighted(into: Float64Array, weight: number, hidden: Float32Array, from: number): void {
  if (weight !== 0) for (let i = 0; i < into.length; i++) into[i] = (into[i] ?? 0) + weight * (hidden[from + i] ?? 0);
}

/** Of number i of every token. */
function largest(hidden: Float32Array, d: number, i: number): number {
  let most = -Infinity;
  for (let at = i; at < hidden.length; at += d) most = Math.max(most, hidden[at] ?? 0);
  return most;
}

/** Poolers that are sums of tokens with weights. */
export type LinearPooler = Exclude<Pooler, 'max'>;

export function isLinear(pooler: Pooler): pooler is LinearPooler {
  return pooler !== 'max';
}

/** The weight of every token of a sentence in its pooled vector. @param n tokens, at least 1 */
export function tokenWeights(pooler: LinearPooler, n: number): Float64Array {
  switch (pooler) {
    case 'cls':
      return Float64Array.from({ length: n }, (_, token) => (token === 0 ? 1 : 0));
    case 'lasttoken':
      return Float64Array.from({ length: n }, (_, token) => (token === n - 1 ? 1 : 0));
    case 'mean':
      return new Float64Array(n).fill(1 / n);
    case 'mean_sqrt_len_tokens':
      return new Float64Array(n).fill(1 / Math.sqrt(n));
    case 'weightedmean':
      return Float64Array.from({ length: n }, (_, token) => (token + 1) / ((n * (n + 1)) / 2));
  }
}

/** Of length 1; a vector of zeros stays one. */
function normalised(vector: Float64Array): Float64Array<ArrayBuffer> {
  let squares = 0;
  for (const number of vector) squares += number * number;
  // The smallest length that PyTorch's normalize divides by.
  const length = Math.max(Math.sqrt(squares), 1e-12);
  return vector.map((number) => number / length);
}

function dense({ inputs, outputs, weight, bias, activation }: SentenceDense, vector: Float64Array): Float64Array<ArrayBuffer> {
  return Float64Array.from({ length: outputs }, (_, row) => {
    let sum = bias?.[row] ?? 0;
    for (let i = 0; i < inputs; i++) sum += (weight[row * inputs + i] ?? 0) * (vector[i] ?? 0);
    return activated(activation, sum);
  });
}

function activated(activation: DenseActivation, x: number): number {
  if (activation === 'tanh') return Math.tanh(x);
  if (activation === 'relu') return Math.max(0, x);
  return activation === 'sigmoid' ? 1 / (1 + Math.exp(-x)) : x;
}
