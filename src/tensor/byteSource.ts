import { StudioError } from './studioError.ts';

/** Bytes that are read where they are needed: a file of gigabytes never sits in one buffer. */
export interface ByteSource {
  readonly size: number;
  /**
   * Bytes `start` up to `end`, in a buffer of their own that begins with them, so that typed arrays can be laid over it.
   * @throws StudioError if they leave the source, or it cannot be read any more
   */
  read(start: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** What bytes come as. A `Blob` (a browser's `File` is one) crosses to a worker without being read. */
export type ByteContent = Uint8Array | Blob | ByteSource;

/** Bytes asked for at once where a long stretch is walked through. */
export const READ_AT_ONCE = 4 * 2 ** 20;

export function openBytes(content: ByteContent): ByteSource {
  if (content instanceof Uint8Array) return held(content);
  return 'read' in content ? content : ofBlob(content);
}

/** @throws StudioError if `start` up to `end` is not inside `size` bytes */
export function checkSpan(start: number, end: number, size: number): void {
  if (!(start >= 0 && end >= start && end <= size))
    throw new StudioError(
      'file',
      `file: bytes ${start} to ${end} — expected them within ${size}, got the end of the file. It is cut off; take the original again.`,
    );
}

function held(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.length,
    read(start, end) {
      try {
        checkSpan(start, end, bytes.length);
      } catch (error) {
        return Promise.reject(error instanceof Error ? error : new Error(String(error)));
      }
      // A copy: Node's Buffers share memory in slice().
      return Promise.resolve(new Uint8Array(bytes.subarray(start, end)));
    },
  };
}

function ofBlob(blob: Blob): ByteSource {
  return {
    size: blob.size,
    async read(start, end) {
      checkSpan(start, end, blob.size);
      try {
        return new Uint8Array(await blob.slice(start, end).arrayBuffer());
      } catch (error) {
        throw new StudioError(
          'file',
          `file: expected to read ${end - start} bytes, got none (${error instanceof Error ? error.message : String(error)}). It was changed or moved since it was chosen; choose it again.`,
        );
      }
    },
  };
}

/** A stretch of another source. @throws StudioError if it leaves it */
export function sliceOf(source: ByteSource, start: number, end: number): ByteSource {
  checkSpan(start, end, source.size);
  const size = end - start;
  return {
    size,
    async read(from, to) {
      checkSpan(from, to, size);
      return source.read(start + from, start + to);
    },
  };
}

/** Parts one after the other, as they came out of a stream. */
export function ofParts(parts: readonly Uint8Array[]): ByteSource {
  const starts: number[] = [];
  let size = 0;
  for (const part of parts) {
    starts.push(size);
    size += part.length;
  }
  return {
    size,
    read(start, end) {
      try {
        checkSpan(start, end, size);
      } catch (error) {
        return Promise.reject(error instanceof Error ? error : new Error(String(error)));
      }
      const out = new Uint8Array(end - start);
      parts.forEach((part, i) => {
        const at = starts[i] ?? 0;
        if (at >= end || at + part.length <= start) return;
        out.set(part.subarray(Math.max(0, start - at), end - at), Math.max(0, at - start));
      });
      return Promise.resolve(out);
    },
  };
}

/**
 * The whole of a small file.
 * @param what its name, for the message
 * @throws StudioError if it is larger than `most` bytes
 */
export async function readWhole(source: ByteSource, most: number, what: string): Promise<Uint8Array<ArrayBuffer>> {
  if (source.size > most)
    throw new StudioError(
      'file',
      `${what}: expected at most ${most} bytes, got ${source.size}. This is not the kind of file that its name says.`,
    );
  return source.read(0, source.size);
}
