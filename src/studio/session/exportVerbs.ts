import { StudioError } from '../../tensor/studioError.ts';
import { exportStudent } from '../studentExport.ts';
import type { StudioApi } from '../studioApi.ts';
import type { SessionState } from './sessionState.ts';

/** What leaves as files. */
export function exportVerbs(state: SessionState): Pick<StudioApi, 'exportStudent'> {
  return {
    async exportStudent(name, listen) {
      if (state.finished === undefined) throw new StudioError('order', 'session: there is no finished run to export.');
      return exportStudent(await state.needEngine(), state.needTeacher(), state.finished, name, listen);
    },
  };
}
