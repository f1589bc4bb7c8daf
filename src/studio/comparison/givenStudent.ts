import { StudioError } from '../../tensor/studioError.ts';
import type { GivenFile } from '../api/files.ts';
import { readTeacher, type Teacher } from '../teacher/teacher.ts';

/** The files of a student that was made before. */
export interface GivenStudent {
  readonly name: string;
  readonly files: readonly GivenFile[];
}

/** Reads a checkpoint to judge beside `teacher`. @throws StudioError if it is no checkpoint, or its tokens are not the teacher's */
export async function readStudent(teacher: Teacher, { name, files }: GivenStudent): Promise<Teacher> {
  const student = await readTeacher(name, files, undefined, 'student');
  const [wanted, got] = [teacher.model.config.vocabSize, student.model.config.vocabSize];
  if (got !== wanted)
    throw new StudioError(
      'student',
      `student ${student.name}: vocabulary — expected the ${wanted} tokens of teacher ${teacher.name}, got ${got}. Judge a student of this teacher.`,
    );
  return student;
}
