/**
 * Files that are made to try how much room there is: Chromium tells every site of 10 GiB, whatever its disk has left, so
 * that sites can't tell machines apart. Making a file longer is checked like a write, and takes no room on most disks.
 */
export const TRIAL = 'room.';

/** Files in memory, as private windows have them, may not be longer than 2 GiB. */
const LONGEST = 2 ** 30;
/** A refusal names the room to a 32nd of what was asked for. */
const HALVINGS = 5;

/** @returns whether the file is that long now */
function lengthen(file: FileSystemSyncAccessHandle, bytes: number): boolean {
  try {
    file.truncate(bytes);
    return file.getSize() === bytes;
  } catch {
    return false;
  }
}

/** The longest that a file can be made, up to `bytes`; exact where all of it fits. */
function longest(file: FileSystemSyncAccessHandle, bytes: number): number {
  if (lengthen(file, bytes)) return bytes;
  let length = 0;
  for (let halving = 1; halving <= HALVINGS; halving++) {
    const more = Math.floor(bytes / 2 ** halving);
    if (lengthen(file, length + more)) length += more;
  }
  return length;
}

/**
 * Bytes up to `wanted` for which the directory has room; undefined where this browser, or a page outside of a worker,
 * can't try.
 */
export async function triedRoom(directory: FileSystemDirectoryHandle, wanted: number): Promise<number | undefined> {
  // Files have whole bytes; with a part of one, no length would be the one that was asked for.
  const whole = Math.ceil(wanted);
  const files: { readonly name: string; readonly handle: FileSystemSyncAccessHandle }[] = [];
  let room = 0;
  try {
    while (room < whole) {
      const name = `${TRIAL}${crypto.randomUUID()}`;
      const file = await directory.getFileHandle(name, { create: true });
      if (!('createSyncAccessHandle' in file)) {
        await directory.removeEntry(name);
        return undefined;
      }
      const handle = await file.createSyncAccessHandle();
      files.push({ name, handle });
      const asked = Math.min(LONGEST, whole - room);
      const got = longest(handle, asked);
      room += got;
      if (got < asked) break;
    }
    return room;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'QuotaExceededError') return room;
    return undefined;
  } finally {
    for (const { name, handle } of files) {
      lengthen(handle, 0);
      handle.close();
      await directory.removeEntry(name).catch(() => {});
    }
  }
}
