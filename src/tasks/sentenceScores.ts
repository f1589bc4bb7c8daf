/** Vectors of some sentences, row by row. */
export interface SentenceVectors {
  readonly width: number;
  /** [N, width] row-major. */
  readonly data: Float32Array<ArrayBuffer>;
}

/** Correlation of two lists of numbers, -1 to 1; 0 if one of them does not vary. */
export function pearson(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const n = a.length;
  const mean = (of: ArrayLike<number>): number => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += of[i] ?? 0;
    return sum / n;
  };
  const [meanA, meanB] = [mean(a), mean(b)];
  let [both, squaresA, squaresB] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    const [x, y] = [(a[i] ?? 0) - meanA, (b[i] ?? 0) - meanB];
    both += x * y;
    squaresA += x * x;
    squaresB += y * y;
  }
  return both === 0 ? 0 : both / Math.sqrt(squaresA * squaresB);
}

/** Correlation of the ranks, -1 to 1; equal numbers share the mean of their ranks. */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return pearson(ranks(a), ranks(b));
}

/** Ranks from 1, the smallest first. */
function ranks(numbers: ArrayLike<number>): Float64Array {
  const values = Array.from(numbers);
  const order = values.map((_, i) => i).toSorted((i, j) => (values[i] ?? 0) - (values[j] ?? 0));
  const found = new Float64Array(values.length);
  for (let from = 0; from < order.length;) {
    let to = from + 1;
    while (to < order.length && values[order[to] ?? 0] === values[order[from] ?? 0]) to += 1;
    for (let at = from; at < to; at++) found[order[at] ?? 0] = (from + 1 + to) / 2;
    from = to;
  }
  return found;
}

function row({ width, data }: SentenceVectors, i: number): Float32Array {
  return data.subarray(i * width, (i + 1) * width);
}

/** Cosine of two vectors of one width; 0 if one is all zeros. */
export function cosine(a: Float32Array, b: Float32Array): number {
  let [both, squaresA, squaresB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] ?? 0, b[i] ?? 0];
    both += x * y;
    squaresA += x * x;
    squaresB += y * y;
  }
  return both === 0 ? 0 : both / Math.sqrt(squaresA * squaresB);
}

/** Cosines of vectors 2i and 2i + 1. */
export function pairCosines(vectors: SentenceVectors): Float64Array {
  return Float64Array.from({ length: vectors.data.length / vectors.width / 2 }, (_, i) =>
    cosine(row(vectors, 2 * i), row(vectors, 2 * i + 1)),
  );
}

/** What becomes of every sentence's neighbours among the others if the teacher's vectors are replaced by the student's. */
export interface Neighbours {
  /** Share of sentences whose nearest neighbour is the same, 0 to 1. */
  readonly first: number;
  /** Share whose nearest neighbour is among the student's nearest `among`. */
  readonly found: number;
  /** Mean share of the nearest `among` that both have. */
  readonly overlap: number;
  /** Neighbours that are looked at: ten, or as many as there are others. */
  readonly among: number;
}

const AMONG = 10;

/**
 * Compares neighbours by cosine. Work grows with the square of N.
 * @param teacher [N, w]   @param student of the same sentences, [N, w']; N at least 2
 */
export function neighbours(teacher: SentenceVectors, student: SentenceVectors): Neighbours {
  const count = teacher.data.length / teacher.width;
  const among = Math.min(AMONG, count - 1);
  const [theirs, ours] = [unit(teacher), unit(student)];
  let [first, found, overlap] = [0, 0, 0];
  for (let i = 0; i < count; i++) {
    const wanted = nearest(theirs, i, among);
    const got = nearest(ours, i, among);
    if (wanted[0] === got[0]) first += 1;
    if (got.includes(wanted[0] ?? -1)) found += 1;
    overlap += wanted.filter((j) => got.includes(j)).length / among;
  }
  return { first: first / count, found: found / count, overlap: overlap / count, among };
}

/** Scaled to length 1; a vector of zeros stays one. */
export function unit(vectors: SentenceVectors): SentenceVectors {
  const { width, data } = vectors;
  const scaled = new Float32Array(data.length);
  for (let from = 0; from < data.length; from += width) {
    const vector = data.subarray(from, from + width);
    const length = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
    if (length > 0)
      scaled.set(
        vector.map((x) => x / length),
        from,
      );
  }
  return { width, data: scaled };
}

/** The nearest others, the nearest first; of equally near ones the first. @param vectors of length 1 */
function nearest(vectors: SentenceVectors, i: number, among: number): number[] {
  const { width, data } = vectors;
  const best: { readonly j: number; readonly score: number }[] = [];
  for (let j = 0; j < data.length / width; j++) {
    if (j === i) continue;
    let score = 0;
    for (let k = 0; k < width; k++) score += (data[i * width + k] ?? 0) * (data[j * width + k] ?? 0);
    if (best.length === among && score <= (best.at(-1)?.score ?? -Infinity)) continue;
    const at = best.findIndex((known) => known.score < score);
    best.splice(at < 0 ? best.length : at, 0, { j, score });
    if (best.length > among) best.pop();
  }
  return best.map(({ j }) => j);
}
