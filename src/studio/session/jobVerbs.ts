import type { Engine } from '../../engines/engine.ts';
import type { Recipe } from '../api/recipe.ts';
import type { StudioApi } from '../studioApi.ts';
import { needHead } from '../teacher/teacher.ts';
import type { SessionState } from './sessionState.ts';
import { teacherWithHead } from './teacherWithHead.ts';
import { formOf } from './training.ts';
import { needCut } from './vocabularyCut.ts';
import { watchedEngine } from './watchedEngine.ts';

/** Loaded by the first job. */
const jobs = (): Promise<typeof import('../job/jobFolder.ts')> => import('../job/jobFolder.ts');

/** A run as a folder for PyTorch. It is ended as an export is. */
export function jobVerbs(state: SessionState): Pick<StudioApi, 'exportJob'> {
  /** A method without calibration is written without a text; running text is then what `auto` means. */
  const settled = (recipe: Recipe): Recipe =>
    recipe.documents === 'auto' ? { ...recipe, documents: state.corpus === undefined ? 'joined' : formOf(state.corpus) } : recipe;
  return {
    async exportJob(recipe, name, listen) {
      state.needNoRun('writing a job');
      const loaded = state.needTeacher();
      needCut(state, recipe);
      const { corpus, fingerprints, textReport } = state;
      if (corpus === undefined) needHead(loaded);
      const { signal } = (state.exporting = new AbortController());
      try {
        const { jobFolder } = await jobs();
        const engine = async (): Promise<Engine> => watchedEngine(await state.needEngine(), listen, signal);
        const teacher = loaded.head === 'mlm' ? loaded : await teacherWithHead(state, await engine(), listen);
        const inputs = { teacher, corpus, recipe: settled(recipe), fingerprints: { ...fingerprints }, text: textReport?.name ?? '' };
        return await jobFolder(inputs, name, engine, listen, signal);
      } finally {
        state.exporting = undefined;
      }
    },
  };
}
