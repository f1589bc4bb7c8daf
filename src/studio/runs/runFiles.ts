import type { ByteSource } from '../../tensor/byteSource.ts';

/** A folder of named files that outlives the session: OPFS in a browser, a folder in the terminal. */
export interface RunFiles {
  list(): Promise<string[]>;
  read(name: string): Promise<Uint8Array>;
  /** For files of any size: what is not asked for is not read. */
  open(name: string): Promise<ByteSource>;
  /** The parts one after the other, whole or not at all: a reader never sees less. They are asked for once a call. */
  write(name: string, parts: Iterable<Uint8Array>): Promise<void>;
  remove(name: string): Promise<void>;
  /** Names of what {@link sweep} would remove, or of files that are being written now. */
  leftovers(): Promise<string[]>;
  /** Removes what writes that never ended left of files whose names begin so; only while nobody writes them. */
  sweep(beginning: string): Promise<void>;
  /** Bytes that may still be written, exact only below `wanted`; undefined where the system does not say. */
  free(wanted: number): Promise<number | undefined>;
}

/** Whether a write failed because there is no room. */
export function isFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === 'QuotaExceededError' || ('code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT'));
}
