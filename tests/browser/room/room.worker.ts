import { expose } from 'comlink';
import { opfsFiles } from '../../../src/studio/runs/opfsFiles.ts';

/** A tab's files as the session's worker has them. */
export interface RoomWorker {
  free(folder: string, wanted: number): Promise<number | undefined>;
  /** Writes a file of so many bytes over the one before. */
  write(folder: string, bytes: number): Promise<void>;
}

const worker: RoomWorker = {
  free: (folder, wanted) => opfsFiles(folder).free(wanted),
  write: (folder, bytes) => opfsFiles(folder).write('a', [new Uint8Array(bytes)]),
};
expose(worker);
