import { StudioError } from '../../tensor/studioError.ts';
import { exportStudent, exportTeacher } from '../studentExport.ts';
import type { StudioApi } from '../studioApi.ts';
import type { SessionState } from './sessionState.ts';

/** What leaves as files. */
export function exportVerbs(state: SessionState): Pick<StudioApi, 'exportStudent' | 'exportTeacher'> {
  return {
    async exportStudent(name, listen, options) {
      if (state.finished === undefined) throw new StudioError('order', 'session: there is no finished run to export.');
      return exportStudent(await state.needEngine(), state.needTeacher(), state.finished, name, listen, options, state.corpus);
    },
    async exportTeacher(name, listen, options) {
      return exportTeacher(await state.needEngine(), state.needTeacher(), name, listen, options, state.corpus);
    },
  };
}
