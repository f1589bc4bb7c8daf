import type { Engine } from '../../engines/engine.ts';
import { LOGITS, outputOf } from '../../models/outputs.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { Corpus } from '../../text/corpus.ts';
import { HeldOutJudge } from '../compression/heldOutJudge.ts';
import { readStudent, type GivenStudent } from './givenStudent.ts';
import type { Recipe } from '../api/recipe.ts';
import type { HeldOut } from '../api/run.ts';
import type { Teacher } from '../teacher/teacher.ts';

/**
 * Judges checkpoints as a run would: the same masked tokens for both.
 * @throws StudioError if the student's tokens are not the teacher's
 */
export async function evaluateCheckpoints(
  engine: Engine,
  teacher: Teacher,
  corpus: Corpus,
  recipe: Recipe,
  student: GivenStudent | undefined,
): Promise<{ readonly teacher: HeldOut; readonly student?: HeldOut }> {
  const { batch, sequence } = recipe;
  // Read before the teacher is judged: a wrong folder should not cost a minute first.
  const other = student === undefined ? undefined : (await readStudent(teacher, student)).student;
  if (other !== undefined && outputOf(other.model) !== LOGITS)
    throw new StudioError(
      'student',
      `student ${other.name}: head — expected one for masked language modelling, got an encoder alone. Export the student with outputs logits.`,
    );
  const { task } = teacher;
  const judge = await HeldOutJudge.create(engine, teacher, corpus, recipe, {
    task,
    batch,
    sequence,
    slots: task.slots({ batch, sequence }),
  });
  try {
    if (other === undefined) return { teacher: judge.teacher };
    return { teacher: judge.teacher, student: await judge.student(other.model, 0, () => {}) };
  } finally {
    judge.dispose();
  }
}
