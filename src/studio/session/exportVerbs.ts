import { StudioError } from '../../tensor/studioError.ts';
import { exportStudent, exportTeacher } from '../exporting/studentExport.ts';
import type { ExportResult } from '../api/exporting.ts';
import type { StudioApi } from '../studioApi.ts';
import { attempt, type SessionState } from './sessionState.ts';
import { teacherWithHead } from './teacherWithHead.ts';
import { watchedEngine } from './watchedEngine.ts';

/** What leaves as files: one export at a time, and none beside a run, which needs the engine. */
export function exportVerbs(state: SessionState): Pick<StudioApi, 'exportStudent' | 'exportTeacher' | 'cancelExport'> {
  const alone = async (work: (signal: AbortSignal) => Promise<ExportResult>): Promise<ExportResult> => {
    state.needNoRun('exporting');
    state.exporting = new AbortController();
    try {
      return await work(state.exporting.signal);
    } finally {
      state.exporting = undefined;
    }
  };
  return {
    exportStudent: (name, listen, options) =>
      alone((signal) => {
        const { finished, corpus } = state;
        if (finished === undefined) throw new StudioError('order', 'session: there is no finished run to export.');
        return state.onEngine(async (engine) =>
          exportStudent(
            watchedEngine(engine, listen, signal),
            await teacherWithHead(state, engine),
            finished,
            name,
            listen,
            options,
            corpus,
            signal,
          ),
        );
      }),
    exportTeacher: (name, listen, options) =>
      alone((signal) => {
        const teacher = state.needTeacher();
        return state.onEngine((engine) =>
          exportTeacher(watchedEngine(engine, listen, signal), teacher, name, listen, options, state.corpus, signal),
        );
      }),
    cancelExport: () => attempt(() => state.exporting?.abort()),
  };
}
