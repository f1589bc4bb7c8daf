import { accessSync, constants, existsSync, mkdirSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { UsageError } from './usage.ts';

const CURE = 'Give a folder that you may write to.';

/** Folders of `path` that are not there yet, the nearest to the root first, and the one that they would be made in. */
function missing(path: string): { readonly inside: string; readonly folders: readonly string[] } {
  const folders: string[] = [];
  let inside = resolve(path);
  while (!existsSync(inside) && inside !== dirname(inside)) {
    folders.unshift(inside);
    inside = dirname(inside);
  }
  return { inside, folders };
}

/** Says before any work whether `--out` can be made and written to; nothing of it stays. @throws UsageError */
export function checkFolder(path: string, option = '--out'): void {
  try {
    const { inside, folders } = missing(path);
    const [first] = folders;
    if (!statSync(inside).isDirectory()) throw new Error(`${inside}, which is a file`);
    if (first === undefined) accessSync(inside, constants.W_OK | constants.X_OK);
    else {
      // Only trying tells: a disk may be read-only, and in /proc even root makes nothing.
      mkdirSync(first);
      rmdirSync(first);
    }
  } catch (error) {
    throw new UsageError(`${option} ${path}: expected a folder to write to, got ${reason(error)}. ${CURE}`);
  }
}

/** A folder that is not there, or empty: what is written whole must not mix with what lies there. @throws UsageError */
export function checkNewFolder(option: string, path: string): void {
  checkFolder(path, option);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true && readdirSync(path).length > 0)
    throw new UsageError(`${option} ${path}: expected a new or an empty folder, got one with files in it. Give another.`);
}

/** One folder after the other: in some places, /proc among them, Node's recursive way never ends. @throws UsageError */
export function makeFolder(path: string, option = '--out'): void {
  try {
    for (const folder of missing(path).folders)
      try {
        mkdirSync(folder);
      } catch (error) {
        // Another program may have been faster.
        if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) throw error;
      }
    if (!statSync(path).isDirectory()) throw new Error('there is a file of that name');
  } catch (error) {
    throw new UsageError(`${option} ${path}: the folder could not be made (${reason(error)}). ${CURE}`);
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Where `compress` keeps checkpoints and history: inside the student's folder. */
export function runsFolder(out: string): string {
  return join(out, '.runs');
}
