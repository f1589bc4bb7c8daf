import type { RunFiles } from './runFiles.ts';

/** Files in the browser's origin-private file system. A writable stream replaces its file when it is closed, not before. */
export async function opfsFiles(folder: string): Promise<RunFiles> {
  const root = await navigator.storage.getDirectory();
  const directory = await root.getDirectoryHandle(folder, { create: true });
  return {
    async list() {
      const names: string[] = [];
      for await (const name of directory.keys()) names.push(name);
      // Chromium's swap files of writes that never ended.
      return names.filter((name) => !name.endsWith('.crswap'));
    },
    async read(name) {
      const file = await (await directory.getFileHandle(name)).getFile();
      return new Uint8Array(await file.arrayBuffer());
    },
    async write(name, bytes) {
      const stream = await (await directory.getFileHandle(name, { create: true })).createWritable();
      try {
        await stream.write(Uint8Array.from(bytes));
      } catch (error) {
        await stream.abort();
        throw error;
      }
      await stream.close();
    },
    async remove(name) {
      await directory.removeEntry(name);
    },
  };
}
