import type { Recipe } from '../studio/api/recipe.ts';
import type { StudioEvent, StudioListener } from '../studio/api/run.ts';
import type { TeacherReport } from '../studio/api/teacher.ts';
import { traitsOf } from '../studio/settings/modes.ts';
import type { StudioApi } from '../studio/studioApi.ts';
import { EXIT } from './usage.ts';

/** A signal that arrives twice within this many ms came by two ways (terminal and npm), not from two presses. */
const ONE_PRESS = 500;

const SAID = {
  calibrating: 'Stopping before the first step; nothing will be written.',
  starting: 'Stopping after the next step; a checkpoint and the student as it then stands will be written.',
  training: 'Stopping after this step; a checkpoint and the student as it stands will be written.',
  writing: 'The run is over and its student is being checked and written.',
} as const;

/** How far a run is, as far as it matters to who ends it: only before its first student nothing is written. */
export class RunStage {
  #stage: keyof typeof SAID;
  readonly #calibrates: boolean;

  /** @param resumed it goes on from a checkpoint, which calibrates nothing */
  constructor({ mode }: Pick<Recipe, 'mode'>, { head }: Pick<TeacherReport, 'head'>, resumed: boolean) {
    this.#calibrates = !resumed && traitsOf({ mode }).calibrates === true;
    // A head is fitted to a teacher without one in all modes, and is stopped as a calibration is.
    this.#stage = this.#calibrates || head !== 'mlm' ? 'calibrating' : 'starting';
  }

  /** What an interruption leads to now. */
  get said(): string {
    return SAID[this.#stage];
  }

  get over(): boolean {
    return this.#stage === 'writing';
  }

  hear(event: StudioEvent): void {
    if (this.over) return;
    if (event.kind === 'step') this.#stage = 'training';
    // The teacher is judged once it has a head, the student once it is calibrated.
    else if (this.#stage === 'calibrating' && event.kind === 'heldOut' && (event.model === 'student' || !this.#calibrates))
      this.#stage = 'starting';
  }

  writing(): void {
    this.#stage = 'writing';
  }
}

export interface Interruption {
  /** Hears the run, to know how far it is and to stop one that began after the press. */
  readonly hear: StudioListener;
  /** The run is over; the files come. */
  writing(): void;
  end(): void;
}

/** Ctrl-C ends the run after the step at hand; a second press ends the program. */
export function stopOnInterrupt(session: StudioApi, stage: RunStage): Interruption {
  let first: number | undefined;
  const interrupt = (): void => {
    const now = performance.now();
    if (first === undefined) {
      first = now;
      console.error(`\n${stage.said} Press again to end at once.`);
      void session.stop();
    } else if (now - first > ONE_PRESS) {
      console.error('Ended; no student was written. --resume goes on from the last checkpoint, if there is one.');
      process.exit(EXIT.interrupted);
    }
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  return {
    hear: (event) => {
      stage.hear(event);
      if (first !== undefined && !stage.over) void session.stop();
    },
    writing: () => stage.writing(),
    end: () => {
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', interrupt);
    },
  };
}

/**
 * Whoever reads stdout may go away, as `head` does: that counts as one Ctrl-C where there is a run to stop, and ends the
 * program elsewhere.
 */
export function endWithReader(): void {
  let gone = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    if (gone) return;
    gone = true;
    if (process.listenerCount('SIGINT') === 0) process.exit(EXIT.interrupted);
    process.kill(process.pid, 'SIGINT');
  });
  process.stderr.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

/** Where stdout is written in the background, as pipes are on Windows, an exit would cut it short. */
export async function exit(code: number): Promise<never> {
  for (const stream of [process.stdout, process.stderr])
    await new Promise<void>((resolve) => {
      stream.write('', () => resolve());
    });
  process.exit(code);
}
