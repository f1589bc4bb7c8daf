import { unzipSync } from 'fflate';
import type { UnreadFile } from '../../state/givenFiles.ts';

function unread(path: string, file: File): UnreadFile {
  return { path, read: () => Promise.resolve(file) };
}

async function walk(entry: FileSystemEntry): Promise<UnreadFile[]> {
  if (entry instanceof FileSystemFileEntry) {
    const file = await new Promise<File>((resolve, reject) => {
      entry.file(resolve, reject);
    });
    return [unread(entry.fullPath.replace(/^\//, ''), file)];
  }
  if (!(entry instanceof FileSystemDirectoryEntry)) return [];
  const reader = entry.createReader();
  const found: UnreadFile[] = [];
  for (;;) {
    // A reader gives at most a hundred entries at a time, and none when it has given all.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject);
    });
    if (some.length === 0) return found;
    for (const child of some) found.push(...(await walk(child)));
  }
}

async function unzipped(file: UnreadFile): Promise<UnreadFile[]> {
  if (!/\.zip$/i.test(file.path)) return [file];
  const content = await file.read();
  const bytes = content instanceof Blob ? new Uint8Array(await content.arrayBuffer()) : content;
  // fflate's asynchronous form starts workers from blobs, which the page's policy forbids.
  const held = unzipSync(bytes);
  return Object.entries(held)
    .filter(([path]) => !path.endsWith('/'))
    .map(([path, content]) => ({ path, read: () => Promise.resolve(content.slice()) }));
}

/** Files, folders and the insides of zips, from a drop. Must be called within the drop event. */
export async function readDrop(data: DataTransfer): Promise<UnreadFile[]> {
  const entries = [...data.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  const found = (await Promise.all(entries.map(walk))).flat();
  return (await Promise.all(found.map(unzipped))).flat();
}

/** The same from a file input. */
export async function readInput(files: FileList): Promise<UnreadFile[]> {
  const found = [...files].map((file) => unread(file.webkitRelativePath || file.name, file));
  return (await Promise.all(found.map(unzipped))).flat();
}
