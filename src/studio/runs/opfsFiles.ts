import { openBytes } from '../../tensor/byteSource.ts';
import { TRIAL, triedRoom } from './opfsRoom.ts';
import type { RunFiles } from './runFiles.ts';

/** Chromium's name for what is being written and not yet closed. */
const ASIDE = '.crswap';

/**
 * A trial of room takes that room while it lasts: writes share this lock, a trial has it alone, and neither fails for the
 * other's sake, whichever tab or folder it is in.
 */
const ROOM = 'wid-studio/room';

/** Streams take no shared memory. */
function unshared(part: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, length } = part;
  return buffer instanceof ArrayBuffer ? new Uint8Array(buffer, byteOffset, length) : Uint8Array.from(part);
}

/** Files in the browser's origin-private file system. A writable stream replaces its file when it is closed, not before. */
export function opfsFiles(folder: string): RunFiles {
  let opened: Promise<FileSystemDirectoryHandle> | undefined;
  const open = async (): Promise<FileSystemDirectoryHandle> =>
    (await navigator.storage.getDirectory()).getDirectoryHandle(folder, { create: true });
  const directoryOf = async (): Promise<FileSystemDirectoryHandle> => {
    try {
      return await (opened ??= open());
    } catch (error) {
      opened = undefined;
      throw error;
    }
  };
  const names = async (): Promise<string[]> => {
    const found: string[] = [];
    const directory = await directoryOf();
    for await (const name of directory.keys()) found.push(name);
    return found;
  };
  const remove = async (name: string): Promise<void> => {
    try {
      await (await directoryOf()).removeEntry(name);
    } catch (error) {
      if (!(error instanceof DOMException && error.name === 'NotFoundError')) throw error;
    }
  };
  /** A file's name is made before its stream is closed: whoever ends in between leaves it empty. */
  const isEmpty = async (name: string): Promise<boolean> => {
    try {
      return (await (await (await directoryOf()).getFileHandle(name)).getFile()).size === 0;
    } catch {
      // Removed meanwhile, or no file.
      return true;
    }
  };
  const leftovers = async (): Promise<string[]> => {
    const found: string[] = [];
    for (const name of await names()) if (name.endsWith(ASIDE) || name.startsWith(TRIAL) || (await isEmpty(name))) found.push(name);
    return found;
  };
  return {
    async list() {
      const found = (await names()).filter((name) => !name.endsWith(ASIDE));
      const empty = await Promise.all(found.map(isEmpty));
      return found.filter((_, i) => empty[i] === false);
    },
    async read(name) {
      const file = await (await (await directoryOf()).getFileHandle(name)).getFile();
      return new Uint8Array(await file.arrayBuffer());
    },
    async open(name) {
      return openBytes(await (await (await directoryOf()).getFileHandle(name)).getFile());
    },
    async write(name, parts) {
      const directory = await directoryOf();
      const known = (await names()).includes(name);
      try {
        await navigator.locks.request(ROOM, { mode: 'shared' }, async () => {
          const stream = await (await directory.getFileHandle(name, { create: true })).createWritable();
          try {
            for (const part of parts) await stream.write(unshared(part));
          } catch (error) {
            await stream.abort();
            throw error;
          }
          await stream.close();
        });
      } catch (error) {
        // The name was made before the first byte.
        if (!known) await remove(name).catch(() => {});
        throw error;
      }
    },
    remove,
    leftovers,
    async sweep(beginning) {
      // A tab that ends takes its open streams with it; what is locked is being written.
      for (const name of await leftovers()) if (name.startsWith(beginning)) await remove(name).catch(() => {});
    },
    free: (wanted) =>
      // Another tab's trial would count as used in the estimate too.
      navigator.locks.request(ROOM, async () => {
        const { quota, usage } = await navigator.storage.estimate();
        const told = quota === undefined ? undefined : Math.max(0, quota - (usage ?? 0));
        if (told !== undefined && told < wanted) return told;
        const tried = await triedRoom(await directoryOf(), wanted);
        return tried === undefined || tried >= wanted ? told : tried;
      }),
  };
}
