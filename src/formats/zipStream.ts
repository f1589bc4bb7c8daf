import { makeZip } from 'client-zip';
import { blobOf } from './blobOf.ts';
import { cleanPath } from './cleanPath.ts';

/** A file on its way into a zip; its pieces are asked for once, in order. */
export interface ZipFile {
  readonly path: string;
  readonly pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

export interface WrittenZip {
  readonly zip: Blob;
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
}

/** Bytes that are gathered before they are handed to the browser, which may keep them on disk. */
const PIECE = 16 * 2 ** 20;

/**
 * Files under one top folder, stored, since weights do not compress. Each file is made, handed on and forgotten
 * before the next is asked for: memory holds one file and one piece, whatever the zip's size. Paths are cleaned.
 */
export async function streamZip(folder: string, files: AsyncIterable<ZipFile>, modified = new Date()): Promise<WrittenZip> {
  const top = cleanPath(folder);
  const written: { path: string; bytes: number }[] = [];
  const entries = async function* (): AsyncGenerator<{ name: string; lastModified: Date; input: AsyncIterable<Uint8Array> }> {
    for await (const { path, pieces } of files) {
      const entry = { path, bytes: 0 };
      written.push(entry);
      yield { name: `${top}/${cleanPath(path)}`, lastModified: modified, input: counted(pieces, entry) };
    }
  };
  const blobs: Blob[] = [];
  let waiting: Uint8Array[] = [];
  let held = 0;
  const hand = (): void => {
    blobs.push(blobOf(waiting));
    waiting = [];
    held = 0;
  };
  const reader = makeZip(entries()).getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    waiting.push(next.value);
    held += next.value.length;
    if (held >= PIECE) hand();
  }
  hand();
  return { zip: new Blob(blobs, { type: 'application/zip' }), files: written };
}

// Async, because that is what the zip writer takes in pieces.
async function* counted(pieces: ZipFile['pieces'], entry: { bytes: number }): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    entry.bytes += piece.length;
    yield piece;
  }
}
