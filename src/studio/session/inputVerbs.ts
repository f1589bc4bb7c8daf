import { fingerprintOfTeacher } from '../runs/fingerprint.ts';
import { sortGiven } from '../sortGiven.ts';
import type { StudioApi } from '../studioApi.ts';
import { readTeacher } from '../teacher.ts';
import { loadCorpus } from '../textLoading.ts';
import { attempt, type SessionState } from './sessionState.ts';

/** Teacher and text. */
export function inputVerbs(state: SessionState): Pick<StudioApi, 'sortFiles' | 'loadTeacher' | 'loadText' | 'cancelText'> {
  let reading: AbortController | undefined;
  return {
    sortFiles: (files) => sortGiven(files),
    async loadTeacher(name, files) {
      const read = await readTeacher(name, files);
      state.fingerprints.teacher = await fingerprintOfTeacher(read);
      state.teacher = read;
      state.corpus = undefined;
      state.finished = undefined;
      return read.report;
    },
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
        state.textName = name;
        return { ...text.report, name };
      } finally {
        if (reading === mine) reading = undefined;
      }
    },
    cancelText: () => attempt(() => reading?.abort()),
  };
}
