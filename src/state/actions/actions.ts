import type { StudioApi } from '../../studio/studioApi.ts';
import { askBeforeLeaving } from '../leaving.ts';
import { useRun } from '../runStore.ts';
import { stayAwake } from '../stayAwake.ts';
import { Desk } from './desk.ts';
import { engineActions, type EngineActions } from './engineActions.ts';
import { exportActions, type ExportActions } from './exportActions.ts';
import { historyActions, watchForRuns, type HistoryActions } from './historyActions.ts';
import { inputActions, type InputActions } from './inputActions.ts';
import { judgeActions, type JudgeActions } from './judgeActions.ts';
import { followAddress, recipeActions, type RecipeActions } from './recipeActions.ts';
import { runActions, type RunActions } from './runActions.ts';

/** Everything that a user can make happen. None of them throws: faults go to the run store. */
export interface StudioActions extends EngineActions, InputActions, RecipeActions, RunActions, JudgeActions, ExportActions, HistoryActions {
  dismissFault(): void;
}

/** @param base address of the page, under which `demo/` lies */
export function createActions(api: StudioApi, base: string): StudioActions {
  const desk = new Desk(api, base);
  stayAwake(desk);
  askBeforeLeaving();
  followAddress(desk);
  void desk.guarded(() => desk.needEngine());
  watchForRuns(desk);
  return {
    ...engineActions(desk),
    ...inputActions(desk),
    ...recipeActions(desk),
    ...runActions(desk),
    ...judgeActions(desk),
    ...exportActions(desk),
    ...historyActions(desk),
    dismissFault: () => useRun.setState({ fault: undefined }),
  };
}
