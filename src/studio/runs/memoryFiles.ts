import { openBytes } from '../../tensor/byteSource.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { RunFiles } from './runFiles.ts';

/** Files that last as long as the session. Blobs, which browsers may hold outside of the memory that programs have. */
export function memoryFiles(): RunFiles {
  const held = new Map<string, Blob>();
  const need = (name: string): Blob => {
    const blob = held.get(name);
    if (blob === undefined)
      throw new StudioError('file', `file: ${name} — expected it in this session's memory, got none. List the runs again.`);
    return blob;
  };
  return {
    list: () => Promise.resolve([...held.keys()]),
    read: async (name) => new Uint8Array(await need(name).arrayBuffer()),
    open: async (name) => openBytes(await Promise.resolve(need(name))),
    write(name, parts) {
      // A part may be a view of memory that changes after the call: each is copied while it is asked for.
      const copied = Array.from(parts, (part) => new Blob([Uint8Array.from(part)]));
      held.set(name, new Blob(copied));
      return Promise.resolve();
    },
    remove: (name) => Promise.resolve(void held.delete(name)),
    leftovers: () => Promise.resolve([]),
    sweep: () => Promise.resolve(),
    free: () => Promise.resolve(undefined),
  };
}
