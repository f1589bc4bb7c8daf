import { checkSpan, type ByteSource } from '../tensor/byteSource.ts';
import { StudioError } from '../tensor/studioError.ts';

/** A file of this machine, for the terminal; opened for every read, so that a folder of any size holds no handles. */
export function fileSource(path: string): ByteSource {
  const fs = process.getBuiltinModule('node:fs');
  const { size } = fs.statSync(path);
  return {
    size,
    async read(start, end) {
      checkSpan(start, end, size);
      const file = await fs.promises.open(path, 'r');
      try {
        const bytes = new Uint8Array(end - start);
        let done = 0;
        while (done < bytes.length) {
          const { bytesRead } = await file.read(bytes, done, bytes.length - done, start + done);
          if (bytesRead === 0)
            throw new StudioError(
              'file',
              `${path}: expected ${size} bytes, got ${start + done}. It was changed while it was read; try again.`,
            );
          done += bytesRead;
        }
        return bytes;
      } finally {
        await file.close();
      }
    },
  };
}
