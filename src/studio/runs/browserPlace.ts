import { memoryFiles } from './memoryFiles.ts';
import { opfsFiles } from './opfsFiles.ts';
import type { RunFiles } from './runFiles.ts';
import { ownLocks, webLocks, type RunLocks } from './runLocks.ts';

/** Where a page keeps its files: the browser's private file system, or this session's memory where there is none to be had. */
export interface BrowserPlace {
  files(folder: string): RunFiles;
  locks(prefix: string): RunLocks;
  /** Why files last only as long as the session, and the cure, in words; null = they outlive it. */
  whyNotKept(): Promise<string | null>;
}

const REFUSED =
  'This browser refuses storage to this site, as private windows do, or a setting that blocks cookies and site data. Allow site data for this address, or use a window that is not private.';

/** Looks for everything that {@link opfsFiles} and {@link webLocks} need: browsers lack, or refuse, each of them on its own. */
async function lookForStorage(): Promise<string | null> {
  if (!isSecureContext) return 'This page came over plain HTTP, which browsers give no storage to. Open it by HTTPS, or on localhost.';
  if (
    !('locks' in navigator) ||
    !('storage' in navigator) ||
    !('getDirectory' in navigator.storage) ||
    typeof FileSystemFileHandle === 'undefined' ||
    !('createWritable' in FileSystemFileHandle.prototype)
  )
    return 'This browser has no file storage for sites. Use Chrome or Edge 86, Firefox 111, Safari 26, or a newer one.';
  try {
    await navigator.storage.getDirectory();
    await navigator.locks.query();
    return null;
  } catch {
    return REFUSED;
  }
}

/** Decided once, at the first use, for all folders and locks alike. */
export function browserPlace(): BrowserPlace {
  let found: Promise<string | null> | undefined;
  const whyNotKept = (): Promise<string | null> => (found ??= lookForStorage());
  const chosen = async <T>(kept: T, passing: T): Promise<T> => ((await whyNotKept()) === null ? kept : passing);
  return {
    whyNotKept,
    files(folder) {
      const kept = opfsFiles(folder);
      const passing = memoryFiles();
      const files = (): Promise<RunFiles> => chosen(kept, passing);
      return {
        list: async () => (await files()).list(),
        read: async (name) => (await files()).read(name),
        open: async (name) => (await files()).open(name),
        write: async (name, parts) => (await files()).write(name, parts),
        remove: async (name) => (await files()).remove(name),
        leftovers: async () => (await files()).leftovers(),
        sweep: async (beginning) => (await files()).sweep(beginning),
        free: async (wanted) => (await files()).free(wanted),
      };
    },
    locks(prefix) {
      const shared = webLocks(prefix);
      const own = ownLocks();
      return {
        hold: async (run) => (await chosen(shared, own)).hold(run),
        held: async (run) => (await chosen(shared, own)).held(run),
      };
    },
  };
}
