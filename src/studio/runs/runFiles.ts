/** A folder of named files that outlives the session: OPFS in a browser, a folder in the terminal. */
export interface RunFiles {
  list(): Promise<string[]>;
  read(name: string): Promise<Uint8Array>;
  /** Whole or not at all: a reader never sees a part. */
  write(name: string, bytes: Uint8Array): Promise<void>;
  remove(name: string): Promise<void>;
}
