import { useHistory } from './historyStore.ts';
import { isGoing, useRun } from './runStore.ts';

/** Whether closing the page now would lose what took time to make. A run with a checkpoint goes on later, and loses next to nothing. */
export function losesWork(): boolean {
  const { status, keptAt, exporting, result } = useRun.getState();
  const passing = useHistory.getState().whyNotKept !== null;
  return exporting || (isGoing(status) && (passing || keptAt === undefined)) || (passing && result !== undefined);
}

/** Lets the browser ask before the page is left, while {@link losesWork}. */
export function askBeforeLeaving(): void {
  window.addEventListener('beforeunload', (event) => {
    if (losesWork()) event.preventDefault();
  });
}
