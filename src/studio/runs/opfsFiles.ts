import type { RunFiles } from './runFiles.ts';

/** Files in the browser's origin-private file system. A writable stream replaces its file when it is closed, not before. */
export function opfsFiles(folder: string): RunFiles {
  let opened: Promise<FileSystemDirectoryHandle> | undefined;
  const open = async (): Promise<FileSystemDirectoryHandle> =>
    (await navigator.storage.getDirectory()).getDirectoryHandle(folder, { create: true });
  const directoryOf = (): Promise<FileSystemDirectoryHandle> => (opened ??= open());
  return {
    async list() {
      const names: string[] = [];
      const directory = await directoryOf();
      for await (const name of directory.keys()) names.push(name);
      // Chromium's swap files of writes that never ended.
      return names.filter((name) => !name.endsWith('.crswap'));
    },
    async read(name) {
      const file = await (await (await directoryOf()).getFileHandle(name)).getFile();
      return new Uint8Array(await file.arrayBuffer());
    },
    async write(name, bytes) {
      const stream = await (await (await directoryOf()).getFileHandle(name, { create: true })).createWritable();
      try {
        await stream.write(Uint8Array.from(bytes));
      } catch (error) {
        await stream.abort();
        throw error;
      }
      await stream.close();
    },
    async remove(name) {
      await (await directoryOf()).removeEntry(name);
    },
  };
}
