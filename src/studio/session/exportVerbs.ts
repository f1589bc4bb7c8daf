import { StudioError } from '../../tensor/studioError.ts';
import { exportStudent, exportTeacher } from '../studentExport.ts';
import type { StudioApi } from '../studioApi.ts';
import type { SessionState } from './sessionState.ts';

/** What leaves as files. */
export function exportVerbs(state: SessionState): Pick<StudioApi, 'exportStudent' | 'exportTeacher'> {
  return {
    async exportStudent(name, listen, options) {
      const { finished, corpus } = state;
      if (finished === undefined) throw new StudioError('order', 'session: there is no finished run to export.');
      return state.onEngine((engine) => exportStudent(engine, state.needTeacher(), finished, name, listen, options, corpus));
    },
    async exportTeacher(name, listen, options) {
      return state.onEngine((engine) => exportTeacher(engine, state.needTeacher(), name, listen, options, state.corpus));
    },
  };
}
