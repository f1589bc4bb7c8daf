import { StudioError } from '../../tensor/studioError.ts';
import type { ExportResult } from '../api/exporting.ts';
import type { StudioApi } from '../studioApi.ts';
import { attempt, type SessionState } from './sessionState.ts';
import { finishedTeacher } from './teacherWithHead.ts';
import { watchedEngine } from './watchedEngine.ts';

/** Loaded by the first export: it holds ONNX's schema, and a visit without an export needs none of it. */
const exporting = (): Promise<typeof import('../exporting/studentExport.ts')> => import('../exporting/studentExport.ts');

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
      alone(async (signal) => {
        const { finished } = state;
        if (finished === undefined) throw new StudioError('order', 'session: there is no finished run to export.');
        const { exportStudent } = await exporting();
        return state.onEngine(async (engine) =>
          exportStudent(
            watchedEngine(engine, listen, signal),
            await finishedTeacher(state, finished, engine),
            finished,
            name,
            listen,
            options,
            // Without its own text, one that is read now serves if its ids are the same.
            finished.corpus ?? (finished.teacher === state.teacher ? state.corpus : undefined),
            signal,
          ),
        );
      }),
    exportTeacher: (name, listen, options) =>
      alone(async (signal) => {
        const teacher = state.needTeacher();
        const { exportTeacher } = await exporting();
        return state.onEngine((engine) =>
          exportTeacher(watchedEngine(engine, listen, signal), teacher, name, listen, options, state.corpus, signal),
        );
      }),
    cancelExport: () => attempt(() => state.exporting?.abort()),
  };
}
