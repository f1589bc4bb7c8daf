import { fileSource } from '../fileSource.ts';
import type { RunFiles } from './runFiles.ts';

const ASIDE = '.part';

/** Files in a folder of this machine, for the terminal. Writes go aside and are renamed when they are on the disk. */
export function folderFiles(folder: string): RunFiles {
  const fs = process.getBuiltinModule('node:fs/promises');
  const { dirname, join, resolve } = process.getBuiltinModule('node:path');
  const names = async (): Promise<string[]> => {
    try {
      return await fs.readdir(folder);
    } catch (error) {
      if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return [];
      throw error;
    }
  };
  const leftovers = async (): Promise<string[]> => (await names()).filter((name) => name.endsWith(ASIDE));
  return {
    list: async () => (await names()).filter((name) => !name.endsWith(ASIDE)),
    async read(name) {
      return new Uint8Array(await fs.readFile(join(folder, name)));
    },
    async open(name) {
      return fileSource(join(folder, name));
    },
    async write(name, parts) {
      await fs.mkdir(folder, { recursive: true });
      const aside = join(folder, `${name}${ASIDE}`);
      try {
        const file = await fs.open(aside, 'w');
        try {
          // Not writeFile, which writes half a MiB at a time and waits for the event loop each time: beside training, a turn
          // of it is a step. One call may write less than it was given.
          for (const part of parts) for (let at = 0; at < part.length;) at += (await file.write(part, at, part.length - at)).bytesWritten;
          await file.sync();
        } finally {
          await file.close();
        }
        await fs.rename(aside, join(folder, name));
      } catch (error) {
        // On a full disk, what was written of it is in the way.
        await fs.rm(aside, { force: true });
        throw error;
      }
    },
    async remove(name) {
      await fs.rm(join(folder, name), { force: true });
    },
    leftovers,
    async sweep(beginning) {
      for (const name of await leftovers()) if (name.startsWith(beginning)) await fs.rm(join(folder, name), { force: true });
    },
    async free() {
      // The folder may not be there yet; one above it is on the same disk.
      for (let path = resolve(folder); ; path = dirname(path))
        try {
          const { bavail, bsize } = await fs.statfs(path);
          return bavail * bsize;
        } catch {
          if (path === dirname(path)) return undefined;
        }
    },
  };
}
