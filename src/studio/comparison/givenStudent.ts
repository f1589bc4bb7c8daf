import { shownName } from '../../tensor/shown.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { GivenFile } from '../api/files.ts';
import { cutLike } from '../teacher/cutTeacher.ts';
import { readTeacher, type Teacher } from '../teacher/teacher.ts';

/** The files of a student that was made before. */
export interface GivenStudent {
  readonly name: string;
  readonly files: readonly GivenFile[];
}

/** A student, and its teacher cut to its vocabulary, if the student has a part of the teacher's. */
export interface ReadStudent {
  readonly student: Teacher;
  readonly cut?: Teacher;
}

/**
 * Reads a checkpoint to judge beside `teacher`.
 * @param fingerprint of a teacher that may be cut; undefined: its vocabulary stays
 * @throws StudioError if it is no checkpoint, or its tokens are not the teacher's
 */
export async function readStudent(teacher: Teacher, { name, files }: GivenStudent, fingerprint?: string): Promise<ReadStudent> {
  const student = await readTeacher(name, files, undefined, 'student');
  const [wanted, got] = [teacher.model.config.vocabSize, student.model.config.vocabSize];
  if (got === wanted) {
    const other = Array.from({ length: got }, (_, id) => id).find((id) => student.tokenizer.token(id) !== teacher.tokenizer.token(id));
    if (other === undefined) return { student };
    const [theirs, ours] = [teacher, student].map(({ tokenizer }) => shownName(tokenizer.token(other)));
    throw new StudioError(
      'student',
      `student ${student.name}: vocabulary — expected ${theirs} of teacher ${teacher.name} as token ${other}, got ${ours}. Judge a student of this teacher, whose vocabulary was cut by the same text.`,
    );
  }
  const cut = fingerprint === undefined || got > wanted ? undefined : cutLike(teacher, student, fingerprint);
  if (cut === undefined)
    throw new StudioError(
      'student',
      `student ${student.name}: vocabulary — expected the ${wanted} tokens of teacher ${teacher.name}, got ${got}. Judge a student of this teacher.`,
    );
  return { student, cut };
}
