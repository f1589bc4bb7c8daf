import { fetchHubTeacher } from '../hub/hubTeacher.ts';
import { fingerprintOfTeacher } from '../runs/fingerprint.ts';
import type { StudioApi } from '../studioApi.ts';
import { readTeacher } from '../teacher.ts';
import { attempt, type SessionState } from './sessionState.ts';

/** Teachers from a hub. */
export function hubVerbs(state: SessionState): Pick<StudioApi, 'loadHubTeacher' | 'cancelTeacher' | 'clearHubCache'> {
  let fetching: AbortController | undefined;
  return {
    async loadHubTeacher(request, listen) {
      fetching?.abort();
      const mine = new AbortController();
      fetching = mine;
      try {
        const { name, files, notes } = await fetchHubTeacher(request, state.surroundings.hub, listen, mine.signal);
        const read = await readTeacher(name, files);
        const report = { ...read.report, notes: [...notes, ...read.report.notes] };
        const fingerprint = await fingerprintOfTeacher(read);
        state.fingerprints.teacher = fingerprint;
        state.teacher = { ...read, report };
        state.corpus = undefined;
        state.finished = undefined;
        return report;
      } finally {
        if (fetching === mine) fetching = undefined;
      }
    },
    cancelTeacher: () => attempt(() => fetching?.abort()),
    clearHubCache: () => state.surroundings.hub.cache.clear(),
  };
}
