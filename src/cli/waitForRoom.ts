import type { StudioListener } from '../studio/api/run.ts';
import type { StudioApi } from '../studio/studioApi.ts';
import type { Report } from './report.ts';

const TRY_EVERY_MS = 2000;

/** A run that waits for room on the disk, where nobody can press Resume: it goes on by itself when there is some. */
export function waitForRoom(session: StudioApi, report: Report): { readonly listen: StudioListener; readonly end: () => void } {
  let waiting: ReturnType<typeof setInterval> | undefined;
  const end = (): void => {
    clearInterval(waiting);
    waiting = undefined;
  };
  const goOn = async (): Promise<void> => {
    try {
      await session.resume();
    } catch {
      // Still none. What it says is what was said when the wait began.
      return;
    }
    if (waiting !== undefined) report.say('There is room again: the run goes on.');
    end();
  };
  return {
    listen: (event) => {
      if (event.kind === 'notKept' && event.paused) {
        if (waiting !== undefined) return;
        waiting = setInterval(() => void goOn(), TRY_EVERY_MS);
        report.event(event);
        report.say('It goes on by itself as soon as there is room. Ctrl-C ends it; what was kept stays.');
        return;
      }
      report.event(event);
    },
    end,
  };
}
