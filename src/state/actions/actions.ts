import { useRun } from '../runStore.ts';
import { Desk, type PageApi } from './desk.ts';
import { exportActions, type ExportActions } from './exportActions.ts';
import { inputActions, type InputActions } from './inputActions.ts';
import { judgeActions, type JudgeActions } from './judgeActions.ts';
import { recipeActions, type RecipeActions } from './recipeActions.ts';
import { lookForUnfinished, runActions, type RunActions } from './runActions.ts';

/** Everything that a user can make happen. None of them throws: faults go to the run store. */
export interface StudioActions extends InputActions, RecipeActions, RunActions, JudgeActions, ExportActions {
  dismissFault(): void;
}

/** @param base address of the page, under which `demo/` lies */
export function createActions(api: PageApi, base: string): StudioActions {
  const desk = new Desk(api, base);
  void desk.guarded(() => desk.needEngine());
  void desk.guarded(() => lookForUnfinished(desk));
  return {
    ...inputActions(desk),
    ...recipeActions(desk),
    ...runActions(desk),
    ...judgeActions(desk),
    ...exportActions(desk),
    dismissFault: () => useRun.setState({ fault: undefined }),
  };
}
