import { StudioError } from '../../tensor/studioError.ts';
import type { HistoryApi } from '../studioApi.ts';
import { recordsOf } from './records.ts';
import type { SessionState } from './sessionState.ts';
import { takeTeacher } from './teacherVerbs.ts';

/** Teacher and text of a kept run, from where they are kept. */
export function recallVerbs(state: SessionState): Pick<HistoryApi, 'recallInputs'> {
  return {
    async recallInputs(run) {
      state.needNoRun('loading what another run began with');
      const record = (await recordsOf(state)).find((known) => known.record.run === run)?.record;
      if (record === undefined)
        throw new StudioError('run', `session: run ${run} — expected one of the history, got none. List the runs again.`);
      const { inputs } = state.surroundings;
      const wanted = record.fingerprints;
      const hasTeacher = (): boolean => state.teacher !== undefined && state.fingerprints.teacher === wanted.teacher;
      const hasText = (): boolean => hasTeacher() && state.corpus !== undefined && state.fingerprints.text === wanted.text;

      const teacher = hasTeacher() ? undefined : await inputs?.teacher(wanted.teacher);
      if (teacher !== undefined) takeTeacher(state, teacher, wanted.teacher, record.files?.teacher ?? []);
      const text = hasText() || !hasTeacher() ? undefined : await inputs?.text(wanted.text);
      if (text !== undefined) {
        state.corpus = text.corpus;
        state.fingerprints.text = text.fingerprint;
        state.textReport = text.report;
        state.given.text = record.files?.text ?? [];
      }
      return {
        teacher: teacher?.report ?? null,
        text: text?.report ?? null,
        missing: [...(hasTeacher() ? [] : ['teacher' as const]), ...(hasText() ? [] : ['text' as const])],
      };
    },
  };
}
