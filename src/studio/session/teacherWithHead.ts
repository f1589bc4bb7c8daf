import type { Engine } from '../../engines/engine.ts';
import { fitTeacherHead } from '../teacher/headedTeacher.ts';
import { taughtTeacher } from '../teacher/taughtTeacher.ts';
import type { StudioListener } from '../api/run.ts';
import type { Teacher } from '../teacher/teacher.ts';
import { needHead } from '../teacher/teacher.ts';
import type { FinishedWith, SessionState } from './sessionState.ts';

const ALWAYS = { proceed: (): Promise<boolean> => Promise.resolve(true) };

/**
 * The loaded teacher with what its task needs of the loaded text: a head that is fitted where its checkpoint had none, or its vectors
 * of the sentences. They serve until teacher or text change.
 * @throws StudioError if it needs any and no text is loaded
 */
export async function teacherWithHead(
  state: SessionState,
  engine: Engine,
  listen: StudioListener = () => undefined,
  control: { proceed(): Promise<boolean> } = ALWAYS,
): Promise<Teacher> {
  const teacher = state.needTeacher();
  if (teacher.head === 'mlm') return teacher;
  const { headed, corpus, fingerprints } = state;
  const isTaught = teacher.sentences !== undefined;
  if (headed?.from === teacher && headed.text === fingerprints.text) return headed.teacher;
  if (corpus === undefined && isTaught) return teacher;
  if (corpus === undefined) needHead(teacher);
  const text = fingerprints.text;
  const prepare = isTaught ? taughtTeacher : fitTeacherHead;
  const made = await prepare(engine, teacher, state.needCorpus(), control, listen);
  state.headed = { from: teacher, text, teacher: made };
  return made;
}

/** The teacher of a finished run: its own if the vocabulary was cut otherwise since. @throws StudioError as {@link teacherWithHead} */
export async function finishedTeacher(state: SessionState, { teacher }: FinishedWith, engine: Engine): Promise<Teacher> {
  return teacher === state.teacher ? teacherWithHead(state, engine) : teacher;
}
