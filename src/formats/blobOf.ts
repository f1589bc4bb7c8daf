/** Bytes as a blob, which the browser may keep on disk. A blob takes no shared memory, where CPU threads keep theirs. */
export function blobOf(pieces: readonly Uint8Array[], type = ''): Blob {
  return new Blob(
    pieces.map((bytes) => (isPlain(bytes) ? bytes : new Uint8Array(bytes))),
    { type },
  );
}

function isPlain(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer;
}
