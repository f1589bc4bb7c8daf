import type { Engine } from '../../engines/engine.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { Corpus } from '../../text/corpus.ts';
import { maskedSlots } from '../../text/maskedBatch.ts';
import { HeldOutJudge } from '../compression/heldOutJudge.ts';
import { PLAIN_MASKING } from '../recipe/recipe.ts';
import type { GivenFile, HeldOut, Recipe } from '../studioApi.ts';
import { readTeacher, type Teacher } from '../teacher/teacher.ts';

/**
 * Judges checkpoints as a run would: the same masked tokens for both.
 * @throws StudioError if the student's tokens are not the teacher's
 */
export async function evaluateCheckpoints(
  engine: Engine,
  teacher: Teacher,
  corpus: Corpus,
  recipe: Recipe,
  student: { readonly name: string; readonly files: readonly GivenFile[] } | undefined,
): Promise<{ readonly teacher: HeldOut; readonly student?: HeldOut }> {
  const { batch, sequence } = recipe;
  // Read before the teacher is judged: a wrong folder should not cost a minute first.
  const other = student === undefined ? undefined : await readTeacher(student.name, student.files);
  const vocabulary = teacher.model.config.vocabSize;
  if (other !== undefined && other.model.config.vocabSize !== vocabulary)
    throw new StudioError(
      'student',
      `evaluate: vocabulary — expected the teacher's ${vocabulary} tokens, got ${other.model.config.vocabSize}. Judge a student of this teacher.`,
    );
  const judge = await HeldOutJudge.create(engine, teacher, corpus, recipe, {
    batch,
    sequence,
    slots: maskedSlots(batch, sequence, PLAIN_MASKING.probability),
  });
  try {
    if (other === undefined) return { teacher: judge.teacher };
    return { teacher: judge.teacher, student: await judge.student(other.model, 0, () => {}) };
  } finally {
    judge.dispose();
  }
}
