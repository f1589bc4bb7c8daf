import { openZip } from '../../formats/zip.ts';
import { openBytes, READ_AT_ONCE } from '../../tensor/byteSource.ts';

/** A file of an exported zip, in pieces of a few MiB. */
export interface ZippedFile {
  /** Without the zip's top folder. */
  readonly path: string;
  pieces(): AsyncIterable<Uint8Array>;
}

/** The files of an exported zip, none of them read yet. */
export async function zipContents(zip: Blob): Promise<ZippedFile[]> {
  return [...(await openZip(openBytes(zip)))].map(([name, source]) => ({
    path: name.slice(name.indexOf('/') + 1),
    async *pieces() {
      for (let at = 0; at < source.size; at += READ_AT_ONCE) yield await source.read(at, Math.min(source.size, at + READ_AT_ONCE));
    },
  }));
}
