import { StudioError } from '../../tensor/studioError.ts';
import type { RunRecord } from '../runs/runRecord.ts';
import type { HistoryApi, RecalledInputs } from '../api/history.ts';
import { recordsOf } from './records.ts';
import type { SessionState } from './sessionState.ts';
import { takeTeacher } from './teacherVerbs.ts';

const PURPOSE = 'loading what another run began with';

/** Teacher and text of a kept run, from where they are kept. The last load that was asked for counts, as with teachers. */
export function recallVerbs(state: SessionState): Pick<HistoryApi, 'recallInputs'> {
  return {
    async recallInputs(run) {
      state.needNoRun(PURPOSE);
      state.loading?.abort();
      const mine = new AbortController();
      state.loading = mine;
      try {
        const record = (await recordsOf(state)).find((known) => known.record.run === run)?.record;
        if (record === undefined)
          throw new StudioError('run', `session: run ${run} — expected one of the history, got none. List the runs again.`);
        return await recalled(state, record, mine.signal);
      } finally {
        if (state.loading === mine) state.loading = undefined;
      }
    },
  };
}

async function recalled(state: SessionState, { fingerprints: wanted, files }: RunRecord, signal: AbortSignal): Promise<RecalledInputs> {
  const { inputs } = state.surroundings;
  const hasTeacher = (): boolean => state.teacher !== undefined && state.fingerprints.teacher === wanted.teacher;
  const hasText = (): boolean => hasTeacher() && state.corpus !== undefined && state.fingerprints.text === wanted.text;
  /** After every wait: a run may have started on what is loaded, or something else been asked for. */
  const needTurn = (): void => {
    state.needNoRun(PURPOSE);
    if (signal.aborted)
      throw new StudioError('cancelled', 'run: loading what it began with was cancelled, since something else was asked for.');
  };

  needTurn();
  const { whole } = state;
  const atHand = whole?.fingerprint === wanted.teacher ? whole.teacher : undefined;
  const teacher = hasTeacher() ? undefined : (atHand ?? (await inputs?.teacher(wanted.teacher)));
  needTurn();
  if (teacher !== undefined) takeTeacher(state, teacher, wanted.teacher, files?.teacher ?? []);
  const text = hasText() || !hasTeacher() ? undefined : await inputs?.text(wanted.text);
  needTurn();
  if (text !== undefined) {
    // A text that is still being read was asked for earlier.
    state.reading?.abort();
    state.corpus = text.corpus;
    state.fingerprints.text = wanted.text;
    state.textReport = text.report;
    state.given.text = files?.text ?? [];
  }
  return {
    teacher: teacher?.report ?? null,
    text: text?.report ?? null,
    missing: [...(hasTeacher() ? [] : ['teacher' as const]), ...(hasText() ? [] : ['text' as const])],
    files: files ?? { teacher: [], text: [] },
  };
}
