import { proxy, wrap } from 'comlink';
import { checkCheckpoint } from '../../../src/studio/runs/checkpointFile.ts';
import { opfsFiles } from '../../../src/studio/runs/opfsFiles.ts';
import { webLocks } from '../../../src/studio/runs/runLocks.ts';
import { RunStore } from '../../../src/studio/runs/runStore.ts';
import type { GivenFile } from '../../../src/studio/api/files.ts';
import type { RunWorker } from './runs.worker.ts';

export interface Killed {
  /** The last step that the worker said was kept. */
  readonly said: number;
  /** Step of the newest whole checkpoint that was found after its end; 0 = none. */
  readonly found: number;
  /** Files that cannot be read. */
  readonly damaged: readonly string[];
  /** What was being written when it ended. */
  readonly aside: readonly string[];
}

export interface RunsPage {
  /** @param files teacher and text, as base64 by path */
  give(teacher: Readonly<Record<string, string>>, text: Readonly<Record<string, string>>): void;
  /** Trains in a worker until it has kept a step beyond `from`, ends it `after` milliseconds later, and looks at what is there. */
  kill(from: number, after: number): Promise<Killed>;
  /** What is left after the next page has tidied, with how many runs there are. */
  tidied(): Promise<{ readonly leftovers: readonly string[]; readonly runs: number }>;
}

declare global {
  // The only way to give a page's functions to its test.
  var runs: RunsPage;
}

const decode = (files: Readonly<Record<string, string>>): GivenFile[] =>
  Object.entries(files).map(([path, text]) => ({ path, bytes: Uint8Array.from(atob(text), (letter) => letter.codePointAt(0) ?? 0) }));

const files = opfsFiles('runs');
const store = new RunStore(files, webLocks('runs'));
let teacher: GivenFile[] = [];
let text: GivenFile[] = [];

globalThis.runs = {
  give(theirs, prose) {
    teacher = decode(theirs);
    text = decode(prose);
  },
  async kill(from, after) {
    const worker = new Worker(new URL('./runs.worker.ts', import.meta.url), { type: 'module' });
    const remote = wrap<RunWorker>(worker);
    let said = 0;
    await new Promise<void>((resolve, reject) => {
      worker.addEventListener('error', ({ message }) => reject(new Error(message)));
      const heard = proxy((step: number): void => {
        said = step;
        if (step > from) resolve();
      });
      // It never resolves: the worker is ended under it.
      remote.train(teacher, text, heard).catch(reject);
    });
    await new Promise((resolve) => setTimeout(resolve, after));
    worker.terminate();
    // The browser ends a worker in its own time, and what it had said still arrives.
    for (let held = true; held;) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      held = (await Promise.all((await store.runs()).map((run) => store.held(run)))).includes(true);
    }
    const aside = await files.leftovers();
    const damaged: string[] = [];
    const [run = ''] = await store.runs();
    for (const name of await files.list())
      if (name.endsWith('.ckpt'))
        await checkCheckpoint(name, await files.open(name)).catch((error: unknown) => damaged.push(String(error)));
    const checkpoint = await store.load(run);
    await store.record(run, (message) => damaged.push(message));
    return { said, found: checkpoint?.state.done ?? 0, damaged, aside };
  },
  async tidied() {
    await store.sweep();
    return { leftovers: await files.leftovers(), runs: (await store.runs()).length };
  },
};
