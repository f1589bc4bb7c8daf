import type { RecalledInputs } from '../../studio/api/history.ts';
import { useSetup } from '../setupStore.ts';
import { whileReading } from '../whileReading.ts';
import type { Desk } from './desk.ts';
import { DEMO_NAME, loadDemo, takeTeacher } from './inputActions.ts';

/**
 * Brings back what a run began with, where it is kept or the demo.
 * @param teacher its name
 * @returns what was not kept: the session refuses a run whose teacher or text is not the right one
 * @throws Error where there is no teacher at all
 */
export function recall(desk: Desk, run: string, teacher: string): Promise<RecalledInputs['missing']> {
  return whileReading('Looking for what the run began with', () => recalled(desk, run, teacher));
}

async function recalled(desk: Desk, run: string, teacher: string): Promise<RecalledInputs['missing']> {
  const found = await desk.api.recallInputs(run);
  if (found.teacher !== null) await takeTeacher(desk, found.teacher);
  else if (found.missing.includes('teacher') && teacher === DEMO_NAME) await loadDemo(desk);
  if (found.text !== null) {
    desk.text = undefined;
    desk.recalledFrom = found.files.text.map(({ path }) => path);
    useSetup.setState({ text: found.text });
  }
  if (useSetup.getState().teacher === undefined)
    throw new Error(`run: what it began with — expected its teacher ${teacher}, got none. Drop its files on this page, then try again.`);
  return found.missing;
}
