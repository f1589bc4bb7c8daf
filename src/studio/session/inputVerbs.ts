import { StudioError } from '../../tensor/studioError.ts';
import type { StudioApi } from '../studioApi.ts';
import { loadCorpus } from '../texts/textLoading.ts';
import { attempt, namesOf, type SessionState } from './sessionState.ts';

/** Text of what was given. */
export function inputVerbs(state: SessionState): Pick<StudioApi, 'loadText' | 'cancelText'> {
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
        const text = known ?? (await loadCorpus(name, files, teacher.tokenizer, wish, listen, mine.signal));
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
    cancelText: () => attempt(() => state.reading?.abort()),
  };
}
