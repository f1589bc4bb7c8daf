import { cholesky, matrix, multiply, ridged, select, singularValues, solveTriangular, transposed, type Matrix } from '../tensor/matrix.ts';
import type { Algebra } from '../tensor/algebra.ts';
import type { Moment } from './moments.ts';

const CHOLESKY_RIDGE = 1e-6;

/** Query and key factors [a', a] of one head, and value [a', a] and output [a, a'] factors. */
export interface HeadFactors {
  readonly Rq: Matrix;
  readonly Rk: Matrix;
  readonly Rv: Matrix;
  readonly Lo: Matrix;
}

/** Rows [from, from + count) of a matrix. */
function rows(a: Matrix, from: number, count: number): Matrix {
  return { rows: count, columns: a.columns, data: a.data.subarray(from * a.columns, (from + count) * a.columns) };
}

function firstColumns(a: Matrix, count: number): Matrix {
  return select(
    a,
    null,
    Array.from({ length: count }, (_, i) => i),
  );
}

/**
 * The best rank-a' approximation of one head's scores (docs/method.md section 4, query-key).
 *
 * @param Wq, Wk [a, d]   @param bq [a]   @param read moments of what the layer reads   @param seen Wq C and Wk C [a, d]
 * @returns Rq = D^(1/2) U^T Sq^-1 and Rk = D^(1/2) V^T Sk^-1, first a' rows
 */
export function queryKeyFactors(
  { Wq, bq, Wk }: Pick<AttentionWeights, 'Wq' | 'bq' | 'Wk'>,
  read: Moment,
  seen: SeenReads,
  size: number,
): { Rq: Matrix; Rk: Matrix } {
  const a = Wq.rows;
  const d = read.C.rows;
  const s = matrix(d, 1, read.sum);
  const Cq = multiply(seen.query, transposed(Wq));
  const mq = multiply(Wq, s);
  for (let i = 0; i < a; i++)
    for (let j = 0; j < a; j++) {
      const bi = bq[i] ?? 0;
      const bj = bq[j] ?? 0;
      Cq.data[i * a + j] = (Cq.data[i * a + j] ?? 0) + (mq.data[i] ?? 0) * bj + bi * (mq.data[j] ?? 0) + read.tokens * bi * bj;
    }
  // Softmax does not see what is constant over keys: the key's bias and mean.
  const Ck = multiply(seen.key, transposed(Wk));
  const mk = multiply(Wk, s);
  for (let i = 0; i < a; i++)
    for (let j = 0; j < a; j++) Ck.data[i * a + j] = (Ck.data[i * a + j] ?? 0) - ((mk.data[i] ?? 0) * (mk.data[j] ?? 0)) / read.tokens;
  const Sq = cholesky(ridged(Cq, CHOLESKY_RIDGE));
  const Sk = cholesky(ridged(Ck, CHOLESKY_RIDGE));
  const { u, d: values, v } = singularValues(multiply(transposed(Sq), Sk));
  const factor = (S: Matrix, side: Matrix): Matrix => {
    const weighted = firstColumns(side, size);
    for (let i = 0; i < a; i++)
      for (let j = 0; j < size; j++) weighted.data[i * size + j] = (weighted.data[i * size + j] ?? 0) * Math.sqrt(values[j] ?? 0);
    return transposed(solveTriangular(S, weighted, true));
  };
  return { Rq: factor(Sq, u), Rk: factor(Sk, v) };
}

/**
 * PCA of the attended values in the metric of the output matrix (docs/method.md section 4, value-output).
 *
 * @param Co [a, a] second moments of the head's attended values   @param Wo [d, a] the output matrix's columns
 * @returns Rv = Z^T So^-1 [a', a] and Lo = So Z [a, a']
 */
export function valueOutputFactors(Co: Matrix, Wo: Matrix, size: number): { Rv: Matrix; Lo: Matrix } {
  const So = cholesky(ridged(Co, CHOLESKY_RIDGE));
  const Z = firstColumns(singularValues(multiply(Wo, So)).v, size);
  return { Rv: transposed(solveTriangular(So, Z, true)), Lo: multiply(So, Z) };
}

export interface AttentionWeights {
  /** [A a, d]. */
  readonly Wq: Matrix;
  readonly bq: Float64Array;
  readonly Wk: Matrix;
  /** [d, A a]. */
  readonly Wo: Matrix;
}

/** Wq C and Wk C [A a, d], C the moments of what the layer reads. */
export interface SeenReads {
  readonly query: Matrix;
  readonly key: Matrix;
}

export function seenReads(algebra: Algebra, { Wq, Wk }: AttentionWeights, { C }: Moment): SeenReads {
  return { query: algebra.multiply(Wq, C), key: algebra.multiply(Wk, C) };
}

/** Factors of one head of a layer. @param values moments of the attended values [A a, A a] */
export function headFactors(
  weights: AttentionWeights,
  read: Moment,
  seen: SeenReads,
  values: Moment,
  head: number,
  headSize: number,
  size: number,
): HeadFactors {
  const from = head * headSize;
  const dimensions = Array.from({ length: headSize }, (_, i) => from + i);
  const { Wq, bq, Wk, Wo } = weights;
  const mine = (a: Matrix): Matrix => rows(a, from, headSize);
  return {
    ...queryKeyFactors(
      { Wq: mine(Wq), bq: bq.subarray(from, from + headSize), Wk: mine(Wk) },
      read,
      { query: mine(seen.query), key: mine(seen.key) },
      size,
    ),
    ...valueOutputFactors(select(values.C, dimensions, dimensions), select(Wo, null, dimensions), size),
  };
}

/**
 * The heads whose attended values explain most of the attention output's energy, greedily over blocks.
 * @returns ascending head indices
 */
export function selectHeads(values: Matrix, Wo: Matrix, headSize: number, count: number): number[] {
  const heads = values.rows / headSize;
  const all = Array.from({ length: heads }, (_, head) => head);
  const dimensions = (list: readonly number[]): number[] =>
    list.flatMap((h) => Array.from({ length: headSize }, (_, i) => h * headSize + i));
  const Q = multiply(Wo, values);
  const picked: number[] = [];
  while (picked.length < count) {
    let best = -1;
    let bestEnergy = -Infinity;
    for (const head of all.filter((h) => !picked.includes(h))) {
      const kept = dimensions([...picked, head]);
      const S = cholesky(ridged(select(values, kept, kept), CHOLESKY_RIDGE));
      const explained = solveTriangular(S, transposed(select(Q, null, kept)));
      const energy = explained.data.reduce((sum, x) => sum + x * x, 0);
      if (energy > bestEnergy) [best, bestEnergy] = [head, energy];
    }
    picked.push(best);
  }
  return picked.toSorted((a, b) => a - b);
}
