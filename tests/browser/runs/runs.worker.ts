import { expose, proxy } from 'comlink';
import { opfsFiles } from '../../../src/studio/runs/opfsFiles.ts';
import { webLocks } from '../../../src/studio/runs/runLocks.ts';
import { RunStore } from '../../../src/studio/runs/runStore.ts';
import { createSession } from '../../../src/studio/session.ts';
import type { GivenFile } from '../../../src/studio/api/files.ts';

/** The studio's session in a worker as the page has it, except that it keeps every step. */
export interface RunWorker {
  /** Goes on with the run that is there, or starts one that never ends; `kept` hears of every checkpoint that is on the disk. */
  train(teacher: readonly GivenFile[], text: readonly GivenFile[], kept: (step: number) => void): Promise<void>;
}

const worker: RunWorker = {
  async train(teacher, text, kept) {
    const session = createSession(new RunStore(opfsFiles('runs'), webLocks('runs')), { keepEvery: 1, keepRate: Infinity });
    await session.engine('cpu', 1);
    await session.loadTeacher('golden', teacher);
    await session.loadText('prose', text, { sequence: 32, seed: 1 });
    const listen = proxy((event: Parameters<Parameters<typeof session.start>[1]>[0]): void => {
      if (event.kind === 'kept') kept(event.step);
    });
    const [unfinished] = await session.unfinished();
    // Every weight is trained: the largest checkpoint that this teacher has, so that most of the time one is being written.
    const recipe = {
      ...(await session.defaults()),
      mode: 'paper' as const,
      steps: 1_000_000,
      batch: 2,
      sequence: 32,
      evaluateEvery: 1_000_000,
    };
    await (unfinished === undefined ? session.start(recipe, listen) : session.resumeRun(unfinished.run, listen));
  },
};
expose(worker);
