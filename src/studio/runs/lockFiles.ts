import { StudioError } from '../../tensor/studioError.ts';
import type { RunLocks } from './runLocks.ts';

/** Who holds a run: a process of a machine. Numbers of processes come again, so where the system tells, also its birth. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly born: string;
}

function isHolder(value: unknown): value is Holder {
  return (
    typeof value === 'object' && value !== null && 'pid' in value && 'host' in value && 'born' in value && typeof value.pid === 'number'
  );
}

const ATTEMPTS = 200;
/** A guard is held for as long as it takes to read and remove a file: on a machine that does much else, that may be seconds. */
const GUARD_MS = 60_000;

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** A file `<run>.lock` beside the run's, with the process that holds it; one whose process is gone counts for nothing. */
export function lockFiles(folder: string): RunLocks {
  const fs = process.getBuiltinModule('node:fs/promises');
  const { join } = process.getBuiltinModule('node:path');
  const host = process.getBuiltinModule('node:os').hostname();

  /** Ticks since boot when the process began (field 22 of Linux's `stat`), or nothing elsewhere. */
  const bornOf = async (pid: number): Promise<string> => {
    try {
      const stat = await fs.readFile(`/proc/${pid}/stat`, 'utf8');
      return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
    } catch {
      return '';
    }
  };
  const alive = async (holder: Holder): Promise<boolean> => {
    // Nobody can tell whether a process of another machine lives.
    if (holder.host !== host) return true;
    try {
      process.kill(holder.pid, 0);
    } catch (error) {
      // EPERM: it lives, and is another user's.
      if (codeOf(error) !== 'EPERM') return false;
    }
    const born = await bornOf(holder.pid);
    return holder.born === '' || born === '' || holder.born === born;
  };
  const read = async (path: string): Promise<Holder | 'none' | 'unreadable'> => {
    try {
      const holder: unknown = JSON.parse(await fs.readFile(path, 'utf8'));
      return isHolder(holder) ? holder : 'unreadable';
    } catch (error) {
      return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR' ? 'none' : 'unreadable';
    }
  };
  const stateOf = async (path: string): Promise<'none' | 'held' | 'dead'> => {
    const holder = await read(path);
    if (holder === 'none') return holder;
    // A lock is linked into place whole; one that cannot be read was spoilt with the disk, and holds nothing.
    return holder !== 'unreadable' && (await alive(holder)) ? 'held' : 'dead';
  };
  /** Removes a lock that holds nothing. One session at a time may judge and remove: none removes what another has just put there. */
  const clear = async (path: string): Promise<void> => {
    const guard = `${path}.guard`;
    try {
      await fs.mkdir(guard);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      const since = (await fs.stat(guard).catch(() => undefined))?.mtimeMs ?? Date.now();
      // Whoever made it was killed between two lines.
      if (Date.now() - since > GUARD_MS) await fs.rmdir(guard).catch(() => {});
      await new Promise<void>((resolve) => setTimeout(resolve, 10));
      return;
    }
    try {
      // Where there is none, another session may put its own now: it needs no guard for that.
      if ((await stateOf(path)) === 'dead') await fs.rm(path, { force: true });
    } finally {
      await fs.rmdir(guard);
    }
  };
  return {
    async hold(run) {
      await fs.mkdir(folder, { recursive: true });
      const path = join(folder, `${run}.lock`);
      const own = join(folder, `.lock.${run}.${process.pid}.${crypto.randomUUID()}`);
      await fs.writeFile(own, JSON.stringify({ pid: process.pid, host, born: await bornOf(process.pid) } satisfies Holder));
      try {
        for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
          try {
            // Unlike a rename, a link fails where there is one.
            await fs.link(own, path);
            return { release: () => fs.rm(path, { force: true }) };
          } catch (error) {
            if (codeOf(error) !== 'EEXIST') throw error;
          }
          if ((await stateOf(path)) === 'held') return undefined;
          await clear(path);
        }
      } finally {
        await fs.rm(own, { force: true });
      }
      throw new StudioError('run-busy', `${run}: its lock file changes hands again and again. Try once more in a moment.`, { run });
    },
    held: async (run) => (await stateOf(join(folder, `${run}.lock`))) === 'held',
  };
}
