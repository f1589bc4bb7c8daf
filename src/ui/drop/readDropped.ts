import type { GivenFile } from '../../state/givenFiles.ts';

// Told by their flags: not every browser gives these classes a global name.
const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile;
const isFolder = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry => entry.isDirectory;

async function walk(entry: FileSystemEntry): Promise<GivenFile[]> {
  if (isFile(entry)) {
    const file = await new Promise<File>((resolve, reject) => {
      entry.file(resolve, reject);
    });
    return [{ path: entry.fullPath.replace(/^\//, ''), bytes: file }];
  }
  if (!isFolder(entry)) return [];
  const reader = entry.createReader();
  const found: GivenFile[] = [];
  for (;;) {
    // A reader gives at most a hundred entries at a time, and none when it has given all.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject);
    });
    if (some.length === 0) return found;
    for (const child of some) found.push(...(await walk(child)));
  }
}

/** Files and the files in folders, from a drop, none of them read. Must be called within the drop event. */
export async function readDrop(data: DataTransfer): Promise<GivenFile[]> {
  const given = [...data.items].map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  // Files that lie on no disk, as those dragged out of another page, have no entry.
  const found = given.map(async ({ entry, file }) => (entry === null ? (file === null ? [] : readInput([file])) : walk(entry)));
  return (await Promise.all(found)).flat();
}

/** The same from a file input. */
export function readInput(files: Iterable<File>): GivenFile[] {
  return [...files].map((file) => ({ path: file.webkitRelativePath || file.name, bytes: file }));
}
