import { StudioError } from '../../tensor/studioError.ts';
import type { StudioListener } from '../api/run.ts';

/** Tells how far a stage is, and hears whether it is still wanted. @throws StudioError `cancelled` */
export type Progress = (done: number, total: number) => Promise<void>;

/** Progress of a stage for a listener; between its pieces of work a turn of the event loop lets a cancel arrive. */
export function stageProgress(stage: string, listen: StudioListener, signal: AbortSignal | undefined): Progress {
  return async (done, total) => {
    listen({ kind: 'progress', stage, done, total });
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
    if (signal?.aborted === true) throw new StudioError('cancelled', 'export: cancelled. No file was written.');
  };
}
