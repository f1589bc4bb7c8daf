import { StudioError } from '../tensor/studioError.ts';
import type { CalibrationProgress } from '../wid/moments.ts';
import type { StudioListener } from './api/run.ts';

/** Calibration was stopped before there was a student. */
export class StoppedError extends StudioError {
  constructor() {
    super('stopped', 'run: stopped during calibration, before there was a student. Nothing was written; start the run again.');
  }
}

/** Longest time in ms between two turns of the event loop while calibration works. */
const TURN_EVERY = 50;

/** Progress of the calibration's stages; between its pieces of work pause and stop are heard. @throws StoppedError */
export function calibrationStages(
  control: { proceed(): Promise<boolean> },
  listen: StudioListener,
): (stage: string) => CalibrationProgress {
  let turned = performance.now();
  return (stage) => {
    listen({ kind: 'progress', stage, done: 0, total: 1 });
    return async (done, total) => {
      listen({ kind: 'progress', stage, done, total });
      if (performance.now() - turned < TURN_EVERY) return;
      // The CPU engine works without ever giving way: messages arrive only here.
      await new Promise<void>((resolve) => setTimeout(resolve, 0));
      if (!(await control.proceed())) throw new StoppedError();
      turned = performance.now();
    };
  };
}
