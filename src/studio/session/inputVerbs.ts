import { StudioError } from '../../tensor/studioError.ts';
import type { StudioApi } from '../studioApi.ts';
import type { TextWish } from '../api/text.ts';
import type { GivenFile } from '../api/files.ts';
import type { StudioListener } from '../api/run.ts';
import type { Teacher } from '../teacher/teacher.ts';
import { maskedWords } from '../../tasks/maskedWords.ts';
import { compareForms, isSmallWork } from '../texts/documentsApart.ts';
import { loadCorpus, type CompareForms, type LoadedText } from '../texts/textLoading.ts';
import { attempt, namesOf, type KnownTeacher, type SessionState } from './sessionState.ts';
import { changeTeacher, teacherCutAs } from './vocabularyCut.ts';

/** Compares by the teacher as its checkpoint has it: a head that is fitted needs a text that is packed. */
function comparison(state: SessionState, teacher: Teacher, { sequence, seed }: TextWish): CompareForms | undefined {
  if (teacher.head !== 'mlm' || teacher.task !== maskedWords) return undefined;
  return async (heldOut, progress) => {
    // An engine of its own: the session's may be at work, or not be chosen yet.
    const engine = await state.surroundings.makeEngine('cpu', isSmallWork(teacher.model) ? 1 : undefined);
    try {
      return await compareForms(engine, teacher.model, teacher.tokenizer, heldOut, sequence, seed, progress);
    } finally {
      engine.dispose();
    }
  };
}

/** Text of what was given. */
export function inputVerbs(state: SessionState): Pick<StudioApi, 'loadText' | 'cutVocabulary' | 'cancelText'> {
  /** Reads something as the text; what was asked for last counts. @param purpose as refusals name it */
  const alone = async <T>(purpose: string, work: (needTurn: () => void, signal: AbortSignal) => Promise<T>): Promise<T> => {
    state.needNoRun(purpose);
    state.reading?.abort();
    const mine = new AbortController();
    state.reading = mine;
    const teacher = state.needTeacher();
    try {
      return await work(() => {
        // A run may have started, or another teacher or text been asked for, while this one was read.
        state.needNoRun(purpose);
        if (mine.signal.aborted || state.teacher !== teacher)
          throw new StudioError('cancelled', 'text: reading was cancelled. Nothing was changed.');
      }, mine.signal);
    } finally {
      if (state.reading === mine) state.reading = undefined;
    }
  };
  const reader = (name: string, files: readonly GivenFile[], listen: StudioListener, signal: AbortSignal) => {
    const { texts } = state.surroundings;
    return async ({ teacher, fingerprint }: KnownTeacher, wish: TextWish): Promise<LoadedText> => {
      const key = await texts?.keyOf(files, fingerprint, wish);
      const known = key === undefined ? undefined : await texts?.find(key);
      const text =
        known ??
        (await loadCorpus(
          name,
          files,
          teacher.tokenizer,
          wish,
          listen,
          signal,
          comparison(state, teacher, wish),
          teacher.sentences !== undefined,
        ));
      if (known === undefined && key !== undefined) await texts?.keep(key, text, Date.now());
      return text;
    };
  };
  return {
    loadText: (name, files, wish, listen = () => undefined) =>
      alone('reading another text', async (needTurn, signal) => {
        const read = reader(name, files, listen, signal);
        const known = await teacherCutAs(state, wish.cut, wish, listen, read);
        const { corpus, fingerprint, report } = await read(known, wish);
        needTurn();
        changeTeacher(state, known);
        const { cut } = known.teacher;
        state.fingerprints.text = fingerprint;
        state.corpus = corpus;
        state.textReport = { ...report, name, ...(cut === undefined ? {} : { cut }) };
        state.given.text = namesOf(files);
        return state.textReport;
      }),
    cutVocabulary: (cut, files, wish, listen = () => undefined) =>
      alone('cutting the vocabulary', async (needTurn, signal) => {
        const known = await teacherCutAs(state, cut, wish, listen, reader('text', files, listen, signal));
        needTurn();
        changeTeacher(state, known);
        return known.teacher.report;
      }),
    cancelText: () => attempt(() => state.reading?.abort()),
  };
}
