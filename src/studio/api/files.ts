import type { ByteContent } from '../../tensor/byteSource.ts';

/**
 * A file as the user gave it: `path` relative to the dropped folder, POSIX separators.
 * A browser's `File` crosses to the worker unread, and is read there by slices (tensor/byteSource.ts).
 */
export interface GivenFile {
  readonly path: string;
  readonly bytes: ByteContent;
}
