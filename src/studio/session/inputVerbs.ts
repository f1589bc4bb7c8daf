import { sortGiven } from '../sortGiven.ts';
import type { StudioApi } from '../studioApi.ts';
import { loadCorpus } from '../texts/textLoading.ts';
import { attempt, namesOf, type SessionState } from './sessionState.ts';

/** What was given, and text of it. */
export function inputVerbs(state: SessionState): Pick<StudioApi, 'sortFiles' | 'loadText' | 'cancelText'> {
  let reading: AbortController | undefined;
  return {
    sortFiles: (files) => sortGiven(files),
    async loadText(name, files, wish, listen = () => undefined) {
      state.needNoRun('reading another text');
      reading?.abort();
      const mine = new AbortController();
      reading = mine;
      try {
        const { tokenizer } = state.needTeacher();
        const { texts } = state.surroundings;
        const key = await texts?.keyOf(files, state.fingerprints.teacher, wish);
        const known = key === undefined ? undefined : await texts?.find(key);
        const text = known ?? (await loadCorpus(name, files, tokenizer, wish, listen, mine.signal));
        if (known === undefined && key !== undefined) await texts?.keep(key, text, Date.now());
        const { corpus, fingerprint } = text;
        state.fingerprints.text = fingerprint;
        state.corpus = corpus;
        state.textReport = { ...text.report, name };
        state.given.text = namesOf(files);
        return state.textReport;
      } finally {
        if (reading === mine) reading = undefined;
      }
    },
    cancelText: () => attempt(() => reading?.abort()),
  };
}
