import type { RunFiles } from './runFiles.ts';

const ASIDE = '.part';

/** Files in a folder of this machine, for the terminal. Writes go aside and are renamed when they are on the disk. */
export function folderFiles(folder: string): RunFiles {
  const fs = process.getBuiltinModule('node:fs/promises');
  const { join } = process.getBuiltinModule('node:path');
  return {
    async list() {
      try {
        return (await fs.readdir(folder)).filter((name) => !name.endsWith(ASIDE));
      } catch (error) {
        if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return [];
        throw error;
      }
    },
    async read(name) {
      return new Uint8Array(await fs.readFile(join(folder, name)));
    },
    async write(name, bytes) {
      await fs.mkdir(folder, { recursive: true });
      const aside = join(folder, `${name}${ASIDE}`);
      const file = await fs.open(aside, 'w');
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await fs.rename(aside, join(folder, name));
    },
    async remove(name) {
      await fs.rm(join(folder, name), { force: true });
    },
  };
}
