import type { RunFiles } from '../../../src/studio/runs/runFiles.ts';
import { openBytes } from '../../../src/tensor/byteSource.ts';

/** A folder in memory. On a real disk under load, steps would overtake writes and what tests count. */
export class MemoryFolder implements RunFiles {
  readonly held = new Map<string, Uint8Array>();

  list(): Promise<string[]> {
    return Promise.resolve([...this.held.keys()]);
  }

  read(name: string): Promise<Uint8Array> {
    const bytes = this.held.get(name);
    return bytes === undefined ? Promise.reject(new Error(`no file ${name}`)) : Promise.resolve(bytes);
  }

  async open(name: string): ReturnType<RunFiles['open']> {
    return openBytes(await this.read(name));
  }

  write(name: string, parts: Iterable<Uint8Array>): Promise<void> {
    this.held.set(name, new Uint8Array(Buffer.concat([...parts])));
    return Promise.resolve();
  }

  remove(name: string): Promise<void> {
    this.held.delete(name);
    return Promise.resolve();
  }

  leftovers(): Promise<string[]> {
    return Promise.resolve([]);
  }

  sweep(): Promise<void> {
    return Promise.resolve();
  }

  free(_wanted: number): Promise<number | undefined> {
    return Promise.resolve(undefined);
  }
}
