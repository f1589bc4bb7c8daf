import { StudioError } from '../../tensor/studioError.ts';
import { fetchHubTeacher } from '../hub/hubTeacher.ts';
import { fingerprintOfTeacher } from '../runs/fingerprint.ts';
import type { GivenFile } from '../api/files.ts';
import type { GivenName } from '../api/history.ts';
import type { TeacherReport } from '../api/teacher.ts';
import type { StudioApi } from '../studioApi.ts';
import { vocabularyFacts } from '../teacher/cutTeacher.ts';
import { readTaskTeacher } from '../teacher/sentenceTeacher.ts';
import type { Teacher } from '../teacher/teacher.ts';
import { attempt, namesOf, type SessionState } from './sessionState.ts';

interface Loaded {
  readonly teacher: Teacher;
  readonly files: readonly GivenFile[];
}

/** Makes a teacher the session's; text and student of the one before are not its. */
export function takeTeacher(state: SessionState, teacher: Teacher, fingerprint: string, files: readonly GivenName[]): void {
  const { teacher: before } = state;
  const whole =
    before !== undefined && before.cut === undefined ? { teacher: before, fingerprint: state.fingerprints.teacher } : state.whole;
  // Of a cut teacher that comes back with its run, the whole one may be at hand.
  state.whole = whole?.fingerprint === teacher.cut?.of ? whole : undefined;
  state.fingerprints.teacher = fingerprint;
  state.teacher = teacher;
  state.given.teacher = files;
  state.corpus = undefined;
  state.finished = undefined;
}

/** Teachers from files and from a hub. The last one that was asked for counts, whichever is read sooner. */
export function teacherVerbs(
  state: SessionState,
): Pick<StudioApi, 'loadTeacher' | 'loadHubTeacher' | 'cancelTeacher' | 'hubCacheSize' | 'clearHubCache'> {
  const load = async (work: (signal: AbortSignal) => Promise<Loaded>): Promise<TeacherReport> => {
    state.needNoRun('loading another teacher');
    state.loading?.abort();
    const mine = new AbortController();
    state.loading = mine;
    try {
      const { teacher: read, files } = await work(mine.signal);
      const teacher = { ...read, report: { ...read.report, ...vocabularyFacts(read) } };
      const fingerprint = await fingerprintOfTeacher(teacher);
      // A run may have started, or another teacher been asked for, while this one was read.
      state.needNoRun('loading another teacher');
      if (mine.signal.aborted) throw new StudioError('cancelled', 'teacher: reading was cancelled. Nothing was changed.');
      takeTeacher(state, teacher, fingerprint, namesOf(files));
      return teacher.report;
    } finally {
      if (state.loading === mine) state.loading = undefined;
    }
  };
  return {
    loadTeacher: (name, files, listen = () => undefined, wish = {}) =>
      load(async (signal) => ({ teacher: await readTaskTeacher(name, files, wish, { listen, signal }), files })),
    loadHubTeacher: (request, listen) =>
      load(async (signal) => {
        const { name, files, notes } = await fetchHubTeacher(request, state.surroundings.hub, listen, signal);
        const teacher = await readTaskTeacher(name, files, request, { listen, signal });
        return { teacher: { ...teacher, report: { ...teacher.report, notes: [...notes, ...teacher.report.notes] } }, files };
      }),
    cancelTeacher: () => attempt(() => state.loading?.abort()),
    hubCacheSize: () => state.surroundings.hub.cache.size(),
    clearHubCache: () => state.surroundings.hub.cache.clear(),
  };
}
