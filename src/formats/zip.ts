import { unzipSync, zipSync, type Zippable } from 'fflate';
import { StudioError } from '../tensor/studioError.ts';

/** Files under one top folder, stored: weights do not compress. */
export function writeZip(folder: string, files: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const entries: Zippable = {};
  for (const [path, bytes] of files) entries[`${folder}/${path}`] = [bytes, { level: 0 }];
  return zipSync(entries);
}

/** What a zip may unpack to: more than any checkpoint that fits into memory. */
const MOST_BYTES = 4 * 2 ** 30;
/** Weights hardly compress and text does by ten; a bomb does by thousands. */
const MOST_RATIO = 200;
const MOST_FILES = 100_000;

/**
 * Files of a zip by path. Folders are left out.
 * @throws StudioError if it is damaged, would unpack to far more than it is, or holds a path that leaves its folder
 */
export function readZip(bytes: Uint8Array): Map<string, Uint8Array> {
  let total = 0;
  let count = 0;
  const refuse = (what: string, expected: string, got: string): never => {
    throw new StudioError('zip', `zip: ${what} — expected ${expected}, got ${got}. It was not unpacked.`);
  };
  let entries: Record<string, Uint8Array>;
  try {
    entries = unzipSync(bytes, {
      filter: ({ name, size, originalSize }) => {
        if (name.endsWith('/')) return false;
        if (name.startsWith('/') || /^[a-z]:/i.test(name) || name.split(/[\\/]/).includes('..'))
          refuse(name, 'a path inside the zip', 'one that leaves it');
        total += originalSize;
        count += 1;
        if (total > MOST_BYTES || count > MOST_FILES) refuse(name, `at most ${MOST_BYTES} bytes and ${MOST_FILES} files`, 'more');
        if (originalSize > 1e6 && originalSize > MOST_RATIO * Math.max(1, size))
          refuse(name, `at most ${MOST_RATIO} times its packed size`, 'more');
        return true;
      },
    });
  } catch (error) {
    if (error instanceof StudioError) throw error;
    throw new StudioError(
      'zip',
      `zip: expected a whole zip file, got one that ends or differs (${error instanceof Error ? error.message : String(error)}). Download it again.`,
    );
  }
  return new Map(Object.entries(entries));
}
