import type { StudioApi, UnfinishedRun } from '../studioApi.ts';
import type { SessionState } from './sessionState.ts';

/** Runs that outlived their session. */
export function historyVerbs(state: SessionState): Pick<StudioApi, 'unfinished' | 'deleteRun'> {
  return {
    async unfinished() {
      const { store } = state;
      if (store === undefined) return [];
      const found: UnfinishedRun[] = [];
      for (const run of await store.runs()) {
        const checkpoint = await store.load(run);
        if (checkpoint === undefined) continue;
        const { recipe, done } = checkpoint.state;
        found.push({ run, recipe, done, savedAt: checkpoint.savedAt });
      }
      return found;
    },
    deleteRun: async (run) => state.store?.remove(run),
  };
}
