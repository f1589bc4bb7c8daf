import { sha256 } from '../runs/sealedFile.ts';
import { hexOf } from '../../tensor/bytes.ts';
import { checkSpan, type ByteSource } from '../../tensor/byteSource.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { RunFiles } from '../runs/runFiles.ts';
import type { HubListing } from './hubClient.ts';

/** Where fetched files are kept. */
export type HubStore = Pick<RunFiles, 'list' | 'read' | 'open' | 'write' | 'remove'>;

/** Bytes of a part: what a broken connection costs at most. */
const PART = 8 * 2 ** 20;

/** SHA-256 in hexadecimal: a name that any file system takes, whatever the repository calls its file. */
async function keyOf(...words: readonly string[]): Promise<string> {
  const digest = await sha256(new TextEncoder().encode(words.join('\n')));
  return hexOf(digest.subarray(0, 16));
}

/** Fetched files in parts, each written whole or not at all, so that fetching goes on where it broke off. */
export class HubCache {
  readonly #files: HubStore;

  constructor(files: HubStore) {
    this.#files = files;
  }

  /** @param size of the whole file, in bytes */
  async open(endpoint: string, { repository, commit }: HubListing, path: string, size: number): Promise<CachedFile> {
    const key = await keyOf(endpoint, repository, commit, path);
    const names = new Set(await this.#files.list());
    let parts = 0;
    while (names.has(partName(key, parts)) && parts * PART < size) parts += 1;
    return new CachedFile(this.#files, key, size, Math.min(size, parts * PART));
  }

  /** The listing that a revision had when it was last seen, for work without a connection. */
  async listing(endpoint: string, repository: string, revision: string): Promise<unknown> {
    const name = `${await keyOf(endpoint, repository, revision)}.listing`;
    if (!(await this.#files.list()).includes(name)) return undefined;
    return JSON.parse(new TextDecoder().decode(await this.#files.read(name)));
  }

  async keepListing(endpoint: string, revision: string, listing: HubListing): Promise<void> {
    const name = `${await keyOf(endpoint, listing.repository, revision)}.listing`;
    await this.#files.write(name, [new TextEncoder().encode(JSON.stringify(listing))]);
  }

  /** Bytes that are kept of all repositories. */
  async size(): Promise<number> {
    let bytes = 0;
    for (const name of await this.#files.list()) bytes += (await this.#files.open(name)).size;
    return bytes;
  }

  async clear(): Promise<void> {
    for (const name of await this.#files.list()) await this.#files.remove(name);
  }
}

function partName(key: string, part: number): string {
  return `${key}.${String(part).padStart(6, '0')}`;
}

/** One file on its way: bytes are appended, and what is there can be read. */
export class CachedFile implements ByteSource {
  readonly size: number;
  readonly #files: HubStore;
  readonly #key: string;
  /** Parts that could not be written, by number: the store is full, and they stay in memory. */
  readonly #held = new Map<number, Uint8Array>();
  #kept: number;
  #part = new Uint8Array(0);
  #filled = 0;
  #last: { readonly index: number; readonly bytes: Uint8Array } | undefined;

  constructor(files: HubStore, key: string, size: number, kept: number) {
    this.#files = files;
    this.#key = key;
    this.size = size;
    this.#kept = kept;
  }

  /** Bytes that are there for good. */
  get kept(): number {
    return this.#kept;
  }

  /** Bytes that have arrived, those included that a broken connection would lose. */
  get arrived(): number {
    return this.#kept + this.#filled;
  }

  /** Forgets what has arrived of a part that is not whole. */
  restart(): void {
    this.#filled = 0;
  }

  /** Forgets all of the file, on the disk too. */
  async discard(): Promise<void> {
    this.restart();
    this.#last = undefined;
    for (let index = Math.ceil(this.#kept / PART) - 1; index >= 0; index--) {
      this.#held.delete(index);
      await this.#files.remove(partName(this.#key, index));
    }
    this.#kept = 0;
  }

  async append(bytes: Uint8Array): Promise<void> {
    let at = 0;
    while (at < bytes.length) {
      const length = Math.min(PART, this.size - this.#kept);
      if (this.#part.length !== length) this.#part = new Uint8Array(length);
      const taken = bytes.subarray(at, at + length - this.#filled);
      this.#part.set(taken, this.#filled);
      this.#filled += taken.length;
      at += taken.length;
      if (this.#filled === length) await this.#keep();
      if (taken.length === 0) return;
    }
  }

  async #keep(): Promise<void> {
    const index = this.#kept / PART;
    try {
      await this.#files.write(partName(this.#key, index), [this.#part]);
    } catch {
      this.#held.set(index, this.#part);
    }
    this.#kept += this.#filled;
    this.#filled = 0;
    this.#part = new Uint8Array(0);
  }

  async read(start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    checkSpan(start, end, this.#kept);
    const out = new Uint8Array(end - start);
    for (let at = start; at < end;) {
      const index = Math.floor(at / PART);
      const bytes = await this.#read(index);
      const stretch = bytes.subarray(at - index * PART, end - index * PART);
      if (bytes.length !== Math.min(this.size, (index + 1) * PART) - index * PART) await this.#refuse(index);
      out.set(stretch, at - start);
      at += stretch.length;
    }
    return out;
  }

  /** A part that something else cut short must neither become zeros nor stay. */
  async #refuse(index: number): Promise<never> {
    await this.#files.remove(partName(this.#key, index));
    throw new StudioError(
      'file',
      'hub: a file kept from an earlier visit — expected it whole, got a part. It was deleted; fetch it again.',
    );
  }

  async #read(index: number): Promise<Uint8Array> {
    const held = this.#held.get(index);
    if (held !== undefined) return held;
    if (this.#last?.index !== index) this.#last = { index, bytes: await this.#files.read(partName(this.#key, index)) };
    return this.#last.bytes;
  }
}
