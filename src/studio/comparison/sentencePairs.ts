import { cosine, neighbours, pairCosines, pearson, spearman, type SentenceVectors } from '../../tasks/sentenceScores.ts';
import type { Engine } from '../../engines/engine.ts';
import type { ScoredPair } from '../../text/readers/scoredPairs.ts';
import type { StudioListener } from '../api/run.ts';
import type { PairReport, PairScores, SentenceWish, VectorComparison } from '../api/sentences.ts';
import { embed, type SentenceEncoder } from './sentenceEncoder.ts';

/** Different sentences whose neighbours are compared: the work grows with their square. */
const MOST_COMPARED = 3000;

/** Judges encoders by scored pairs, and a student beside its teacher by the vectors of the same sentences. */
export async function judgePairs(
  engine: Engine,
  pairs: readonly ScoredPair[],
  teacher: SentenceEncoder,
  student: SentenceEncoder | undefined,
  wish: SentenceWish,
  listen: StudioListener,
): Promise<Pick<PairReport, 'teacher' | 'student'>> {
  const sentences = pairs.flatMap(({ first, second }) => [first, second]);
  const scores = pairs.map(({ score }) => score);
  const judged = async (encoder: SentenceEncoder): Promise<{ scores: PairScores; vectors: SentenceVectors; cosines: Float64Array }> => {
    const { vectors, report } = await embed(engine, encoder, sentences, wish, listen);
    const cosines = pairCosines(vectors);
    return { vectors, cosines, scores: { encoder: report, spearman: spearman(cosines, scores), pearson: pearson(cosines, scores) } };
  };
  const theirs = await judged(teacher);
  if (student === undefined) return { teacher: theirs.scores };
  const ours = await judged(student);
  const beside = compared(sentences, theirs.vectors, ours.vectors, spearman(theirs.cosines, ours.cosines));
  return { teacher: theirs.scores, student: { ...ours.scores, beside } };
}

function compared(sentences: readonly string[], theirs: SentenceVectors, ours: SentenceVectors, similarities: number): VectorComparison {
  const chosen = [...new Map(sentences.map((sentence, i) => [sentence, i] as const)).values()].slice(0, MOST_COMPARED);
  const rows = ({ width, data }: SentenceVectors): SentenceVectors => ({
    width,
    data: Float32Array.from(chosen.flatMap((i) => [...data.subarray(i * width, (i + 1) * width)])),
  });
  return {
    cosine: theirs.width === ours.width ? meanCosine(theirs, ours) : null,
    similarities,
    neighbours: chosen.length < 2 ? null : { sentences: chosen.length, ...neighbours(rows(theirs), rows(ours)) },
  };
}

/** Of two vectors of every sentence, of one width. */
function meanCosine({ width, data }: SentenceVectors, { data: others }: SentenceVectors): number {
  let sum = 0;
  for (let from = 0; from < data.length; from += width)
    sum += cosine(data.subarray(from, from + width), others.subarray(from, from + width));
  return (sum * width) / data.length;
}
