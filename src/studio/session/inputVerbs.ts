import { StudioError } from '../../tensor/studioError.ts';
import type { StudioApi } from '../studioApi.ts';
import type { TextWish } from '../api/text.ts';
import { cutTeacher } from '../teacher/cutTeacher.ts';
import type { Teacher } from '../teacher/teacher.ts';
import { maskedWords } from '../../tasks/maskedWords.ts';
import { fingerprintOfTeacher } from '../runs/fingerprint.ts';
import { compareForms, isSmallWork } from '../texts/documentsApart.ts';
import { loadCorpus, type CompareForms } from '../texts/textLoading.ts';
import { attempt, namesOf, type SessionState } from './sessionState.ts';
import { takeTeacher } from './teacherVerbs.ts';

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
  return {
    async loadText(name, files, wish, listen = () => undefined) {
      state.needNoRun('reading another text');
      state.reading?.abort();
      const mine = new AbortController();
      state.reading = mine;
      try {
        const teacher = state.needTeacher();
        const { texts } = state.surroundings;
        const key = await texts?.keyOf(files, state.fingerprints.teacher, wish);
        const known = key === undefined ? undefined : await texts?.find(key);
        const text =
          known ?? (await loadCorpus(name, files, teacher.tokenizer, wish, listen, mine.signal, comparison(state, teacher, wish)));
        if (known === undefined && key !== undefined) await texts?.keep(key, text, Date.now());
        // A run may have started, or another teacher or text been asked for, while this one was read.
        state.needNoRun('reading another text');
        if (mine.signal.aborted || state.teacher !== teacher)
          throw new StudioError('cancelled', 'text: reading was cancelled. Nothing was changed.');
        const { corpus, fingerprint } = text;
        state.fingerprints.text = fingerprint;
        state.corpus = corpus;
        state.textReport = { ...text.report, name };
        state.given.text = namesOf(files);
        return state.textReport;
      } finally {
        if (state.reading === mine) state.reading = undefined;
      }
    },
    async cutVocabulary(size, files, wish, listen = () => undefined) {
      state.needNoRun('cutting the vocabulary');
      state.reading?.abort();
      const mine = new AbortController();
      state.reading = mine;
      try {
        const teacher = state.needTeacher();
        const { corpus } = await loadCorpus('text', files, teacher.tokenizer, wish, listen, mine.signal);
        const cut = cutTeacher(teacher, corpus, size);
        const fingerprint = await fingerprintOfTeacher(cut);
        state.needNoRun('cutting the vocabulary');
        if (mine.signal.aborted || state.teacher !== teacher)
          throw new StudioError('cancelled', 'vocabulary: cutting was cancelled. Nothing was changed.');
        takeTeacher(state, cut, fingerprint, state.given.teacher);
        return cut.report;
      } finally {
        if (state.reading === mine) state.reading = undefined;
      }
    },
    cancelText: () => attempt(() => state.reading?.abort()),
  };
}
