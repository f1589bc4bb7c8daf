import { useCurves } from '../curvesStore.ts';
import { useHistory, type RunSummary } from '../historyStore.ts';
import { isGoing, useRun } from '../runStore.ts';
import { useSetup } from '../setupStore.ts';
import type { Desk } from './desk.ts';
import { layBeside, lookForRuns } from './historyLooks.ts';
import { recall } from './recall.ts';
import { takeRecipe } from './recipeActions.ts';

export interface HistoryActions {
  /** Makes a finished run the one at hand: its curves, its student to compare and export. */
  openRun(run: RunSummary): Promise<void>;
  /** Puts its curve beside the run at hand. */
  showBeside(run: RunSummary): Promise<void>;
  renameRun(run: RunSummary, name: string): Promise<void>;
  /** Its recipe becomes the next run's. */
  repeatRun(run: RunSummary): Promise<void>;
  /** {@link undoDelete} brings it back. */
  deleteRun(run: RunSummary): Promise<void>;
  undoDelete(): Promise<void>;
  /** @returns the archive as a file to save; undefined if it failed */
  exportRun(run: RunSummary): Promise<{ readonly name: string; readonly zip: Blob } | undefined>;
  importRun(file: Blob): Promise<void>;
}

/** Milliseconds after the start of the page. */
const LOOK_AGAIN = [1000, 3000, 10_000, 30_000];

/**
 * Looks for unfinished runs now, and again later. A closed tab or an ended worker keeps its lock for a moment, so its run looks
 * busy until the browser releases it.
 */
export function watchForRuns(desk: Desk): void {
  const again = async (): Promise<void> => {
    if (isGoing(useRun.getState().status)) return;
    try {
      const unfinished = await desk.api.unfinished();
      const known = useRun.getState().unfinished;
      if (unfinished.length !== known.length || unfinished.some(({ run }, i) => run !== known[i]?.run)) await lookForRuns(desk);
    } catch {
      // Nobody asked; the next look may go better.
    }
  };
  void desk.guarded(() => lookForRuns(desk));
  for (const after of LOOK_AGAIN) setTimeout(() => void again(), after);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') void again();
  });
}

export function historyActions(desk: Desk): HistoryActions {
  /** Does it, then reads the history again. */
  const tidy = async (work: () => Promise<void>): Promise<void> => {
    await desk.guarded(async () => {
      await work();
      await lookForRuns(desk);
    });
  };
  return {
    async openRun(run) {
      if (isGoing(useRun.getState().status)) return;
      await desk.guarded(async () => {
        await recall(desk, run.run, run.teacher);
        const opened = await desk.exclusive(() => desk.api.openRun(run.run));
        const events = await desk.api.runEvents(run.run);
        desk.dropResult();
        desk.recorder.reset(opened.name, opened.recipe.steps);
        for (const event of events) desk.recorder.hear(event);
        desk.recorder.publish();
        await takeRecipe(desk, opened.recipe);
        useRun.setState(({ number }) => ({
          status: 'done',
          number: number + 1,
          name: opened.name,
          recipe: opened.recipe,
          result: opened.result ?? undefined,
        }));
      });
    },
    async showBeside(run) {
      await desk.guarded(() => layBeside(desk, run));
    },
    renameRun: (run, name) =>
      tidy(async () => {
        await desk.api.renameRun(run.run, name);
        // The run at hand and the curves beside it go by their names.
        const renamed = (known: string): string => (known === run.name ? name : known);
        useRun.setState((state) => ({ name: renamed(state.name) }));
        useCurves.setState((state) => ({
          name: renamed(state.name),
          past: state.past.map((curve) => ({ ...curve, name: renamed(curve.name) })),
        }));
      }),
    async repeatRun(run) {
      await desk.guarded(async () => {
        if (useSetup.getState().teacher === undefined) await recall(desk, run.run, run.teacher);
        await takeRecipe(desk, run.recipe);
      });
    },
    deleteRun: (run) =>
      tidy(async () => {
        await desk.api.deleteRun(run.run);
        useHistory.setState({ deleted: run });
      }),
    undoDelete: () =>
      tidy(async () => {
        const { deleted } = useHistory.getState();
        if (deleted !== undefined) await desk.api.restoreRun(deleted.run);
        useHistory.setState({ deleted: undefined });
      }),
    exportRun: (run) => desk.asked(() => desk.api.exportRun(run.run)),
    importRun: (file) =>
      tidy(async () => {
        await desk.api.importRun(file);
      }),
  };
}
