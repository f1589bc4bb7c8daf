import { StudioError } from '../../tensor/studioError.ts';
import type { StudioListener } from '../api/run.ts';
import type { TextReport, TextWish, VocabularyWish } from '../api/text.ts';
import { fingerprintOfTeacher } from '../runs/fingerprint.ts';
import type { StoredText } from '../runs/textFile.ts';
import { cutInWords, cutTeacher, isCutAs, isWhole, usesOf, WHOLE } from '../teacher/cutTeacher.ts';
import type { KnownTeacher, SessionState } from './sessionState.ts';

/** Reads a text in a teacher's tokens. */
export type ReadText = (known: KnownTeacher, wish: TextWish) => Promise<Pick<StoredText, 'corpus' | 'report'>>;

/** @throws StudioError if the loaded teacher came back with its run, which keeps the cut one alone */
export function wholeTeacher(state: SessionState): KnownTeacher {
  const teacher = state.needTeacher();
  if (teacher.cut === undefined) return { teacher, fingerprint: state.fingerprints.teacher };
  if (state.whole?.fingerprint === teacher.cut.of) return state.whole;
  throw new StudioError(
    'vocabulary',
    `vocabulary: ${teacher.name} — expected the teacher with all its ${teacher.cut.before} tokens, got the ${teacher.cut.after} that its run kept. Give the teacher's files again, or leave the vocabulary as it is.`,
  );
}

/**
 * The vocabulary is cut when a text is read.
 * @throws StudioError if that was for another recipe
 */
export function needCut(state: SessionState, recipe: VocabularyWish): void {
  const teacher = state.needTeacher();
  if (!isCutAs(teacher, recipe))
    throw new StudioError(
      'order',
      `session: the vocabulary is ${cutInWords(teacher.cut ?? WHOLE)}, the recipe asks for one that is ${cutInWords(recipe)}. Load the text again.`,
    );
}

/** Makes a teacher that differs by its vocabulary alone the session's; a finished run keeps its own. */
export function changeTeacher(state: SessionState, { teacher, fingerprint }: KnownTeacher): void {
  if (state.teacher === teacher) return;
  if (teacher.cut === undefined) state.whole = undefined;
  else state.whole ??= wholeTeacher(state);
  state.teacher = teacher;
  state.fingerprints.teacher = fingerprint;
  // Its ids are of the other vocabulary.
  state.corpus = undefined;
}

/** The teacher that a text is to be read for. @param read reads the text, for its tokens to be counted */
export async function teacherCutAs(
  state: SessionState,
  cut: VocabularyWish | undefined,
  wish: TextWish,
  listen: StudioListener,
  read: ReadText,
): Promise<KnownTeacher> {
  const now = { teacher: state.needTeacher(), fingerprint: state.fingerprints.teacher };
  if (cut === undefined) return now;
  if (isWhole(cut)) return isCutAs(now.teacher, cut) ? now : wholeTeacher(state);
  const whole = wholeTeacher(state);
  // How documents lie makes no difference to how often a token is used.
  const { cut: _, ...asIs } = wish;
  const { corpus, report } = await read(whole, { ...asIs, documents: 'joined' });
  listen({ kind: 'progress', stage: 'Cutting the vocabulary', done: 0, total: 1 });
  const counted = { uses: usesOf(corpus, whole.teacher), text: countsOf(report) };
  const teacher = cutTeacher(whole.teacher, counted, cut, whole.fingerprint);
  return { teacher, fingerprint: await fingerprintOfTeacher(teacher) };
}

function countsOf({ words = 0, tokens, unknownShare }: TextReport): { words: number; tokens: number; unknownShare: number } {
  return { words, tokens, unknownShare };
}
