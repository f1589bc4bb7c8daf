import { sentenceVectors } from '../../analysis/sentenceVectors.ts';
import type { Engine } from '../../engines/engine.ts';
import type { BertModel } from '../../models/model.ts';
import { cosine, spearman, type SentenceVectors } from '../../tasks/sentenceScores.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { SentenceComparison } from '../api/comparison.ts';
import type { StudioListener } from '../api/run.ts';
import { sentenceTokens } from '../teacher/sentenceTokens.ts';
import { sentenceStudent } from '../teacher/sentenceStudent.ts';
import type { Teacher } from '../teacher/teacher.ts';

/** More of them are too small to see in a map. */
const MOST_SHOWN = 48;

/**
 * Cosines of every two sentences, by the teacher's vectors and by the student's.
 * @param text a sentence a line; equal ones and empty lines are left out
 * @throws StudioError if there are not two different ones, or the teacher is for masked words
 */
export async function compareSentences(
  engine: Engine,
  teacher: Teacher,
  student: BertModel,
  text: string,
  listen: StudioListener,
): Promise<SentenceComparison> {
  const { sentences: own, tokenizer } = teacher;
  if (own === undefined)
    throw new StudioError('order', 'compare: sentences — expected a teacher for sentence vectors, got one for masked words.');
  const different = [...new Set(text.split('\n').map((line) => line.trim()))].filter((line) => line !== '');
  if (different.length < 2)
    throw new StudioError(
      'text',
      `compare: sentences — expected at least two different ones, a line each, got ${different.length}. Type or paste more lines.`,
    );
  const shown = Math.min(MOST_SHOWN, different.length);
  const sentences = Array.from({ length: shown }, (_, i) => different[Math.floor((i * different.length) / shown)] ?? '');
  const { ids, cut } = sentenceTokens(tokenizer, own.modules.longest, sentences);
  const tell =
    (model: string) =>
    (done: number): void =>
      listen({ kind: 'progress', stage: `Vectors of the ${model}`, done, total: shown });
  const { encoder, modules } = sentenceStudent(student, own.modules, 'same');
  const theirs = cosines(await sentenceVectors(engine, teacher.model, own.modules.pooling, ids, tell('teacher')));
  const ours = cosines(await sentenceVectors(engine, encoder, modules.pooling, ids, tell('student')));
  const pairs = (map: readonly (readonly number[])[]): number[] => map.flatMap((row, i) => row.slice(i + 1));
  return { sentences, given: different.length, teacher: theirs, student: ours, correlation: spearman(pairs(theirs), pairs(ours)), cut };
}

function cosines({ width, data }: SentenceVectors): number[][] {
  const rows = Array.from({ length: data.length / width }, (_, i) => data.subarray(i * width, (i + 1) * width));
  return rows.map((a) => rows.map((b) => cosine(a, b)));
}
