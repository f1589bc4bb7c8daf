/** Attention probabilities of one layer, [B, A, T, T] row-major. */
export interface AttentionMaps {
  readonly batch: number;
  readonly heads: number;
  readonly sequence: number;
  readonly probabilities: Float32Array;
}

/** Likeness of two attention heads, averaged over query positions that are not padding; 1 is identical. */
export interface HeadSimilarity {
  /** 1 - Jensen-Shannon divergence in bits, 0 to 1. */
  readonly divergence: number;
  /** Cosine of the probability rows, 0 to 1. */
  readonly cosine: number;
}

/**
 * Similarity of one teacher head and one student head (docs/method.md section 7).
 *
 * @param attention [B, T], 1 for tokens and 0 for padding
 */
export function headSimilarity(
  teacher: AttentionMaps,
  teacherHead: number,
  student: AttentionMaps,
  studentHead: number,
  attention: Uint8Array,
): HeadSimilarity {
  const { batch, sequence } = teacher;
  let divergence = 0;
  let cosine = 0;
  let queries = 0;
  for (let b = 0; b < batch; b++)
    for (let query = 0; query < sequence; query++) {
      if (attention[b * sequence + query] === 0) continue;
      const p = ((b * teacher.heads + teacherHead) * sequence + query) * sequence;
      const q = ((b * student.heads + studentHead) * sequence + query) * sequence;
      const row = rowSimilarity(teacher.probabilities, p, student.probabilities, q, sequence);
      divergence += row.divergence;
      cosine += row.cosine;
      queries += 1;
    }
  const count = Math.max(1, queries);
  return { divergence: divergence / count, cosine: cosine / count };
}

function rowSimilarity(p: Float32Array, pAt: number, q: Float32Array, qAt: number, keys: number): HeadSimilarity {
  let bits = 0;
  let dot = 0;
  let pp = 0;
  let qq = 0;
  for (let key = 0; key < keys; key++) {
    const x = p[pAt + key] ?? 0;
    const y = q[qAt + key] ?? 0;
    const middle = (x + y) / 2;
    if (x > 0) bits += x * Math.log2(x / middle);
    if (y > 0) bits += y * Math.log2(y / middle);
    dot += x * y;
    pp += x * x;
    qq += y * y;
  }
  return { divergence: 1 - bits / 2, cosine: dot / Math.max(Number.MIN_VALUE, Math.sqrt(pp * qq)) };
}

/** Similarity of every student head with the teacher head that it came from, and what chance would give. */
export interface LayerSimilarity {
  /** One entry a student head. */
  readonly heads: readonly HeadSimilarity[];
  /** The mean over all pairings with other heads of the teacher's layer; 1 head has no other, then it is its own. */
  readonly chance: HeadSimilarity;
}

/** @param origin the teacher head of every student head, for students that lost whole heads */
export function layerSimilarity(
  teacher: AttentionMaps,
  student: AttentionMaps,
  origin: readonly number[],
  attention: Uint8Array,
): LayerSimilarity {
  const heads = origin.map((from, head) => headSimilarity(teacher, from, student, head, attention));
  const others = origin.flatMap((from, head) =>
    Array.from({ length: teacher.heads }, (_, other) => other)
      .filter((other) => other !== from)
      .map((other) => headSimilarity(teacher, other, student, head, attention)),
  );
  return { heads, chance: meanSimilarity(others.length === 0 ? heads : others) };
}

export function meanSimilarity(list: readonly HeadSimilarity[]): HeadSimilarity {
  const count = Math.max(1, list.length);
  return {
    divergence: list.reduce((sum, { divergence }) => sum + divergence, 0) / count,
    cosine: list.reduce((sum, { cosine }) => sum + cosine, 0) / count,
  };
}
