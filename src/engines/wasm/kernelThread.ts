import { instantiate, type ThreadStart } from './kernelModule.ts';

/** A browser helper's whole life: join the team, say so, serve until asked to quit. */
export function serveTeam(start: ThreadStart, ready: () => void): void {
  const kernels = instantiate(start.module, start.memory);
  kernels.setup(start.thread, start.threads, start.control, start.workspace);
  ready();
  kernels.serve();
}
