import { Inflate } from 'fflate';
import { checkSpan, ofParts, sliceOf, type ByteSource } from '../tensor/byteSource.ts';
import { shownName } from '../tensor/shown.ts';
import { crc32 } from './crc32.ts';
import { readZipDirectory, ZipError, type ZipEntry } from './zipDirectory.ts';

/** What packed files of a zip may unpack to in all: more than any checkpoint that fits into memory. */
const MOST_BYTES = 4 * 2 ** 30;
/** Weights hardly compress and text does by ten; a bomb does by thousands. */
const MOST_RATIO = 200;
/** Deflate packs 1,032 to one at best, so that a push gives 64 MiB at most before it can be stopped. */
const PUSHED_AT_ONCE = 2 ** 16;

/**
 * Files of a zip by path, folders left out; nothing but the directory is read. A stored file is a stretch of the zip;
 * a packed one is unpacked when it is first read.
 * @throws StudioError if the directory is damaged, two files overlap or have one name, packed files would unpack to far
 * more than they are, or a path leaves its folder
 */
export async function openZip(source: ByteSource): Promise<Map<string, ByteSource>> {
  const files = new Map<string, ByteSource>();
  let packed = 0;
  for (const entry of await readZipDirectory(source)) {
    const shown = shownName(entry.name);
    const name = entry.name.replaceAll('\\', '/');
    if (name.endsWith('/')) continue;
    if (name === '' || name.startsWith('/') || /^[a-z]:/i.test(name) || name.split('/').includes('..'))
      throw refused(shown, 'a path inside the zip', 'one that leaves it');
    if (files.has(name)) throw refused(shown, 'each file once', 'it twice');
    if (entry.encrypted) throw refused(shown, 'a file without a password', 'an encrypted one');
    if (entry.method === 'deflated') {
      packed += entry.size;
      if (packed > MOST_BYTES) throw refused(shown, `at most ${MOST_BYTES} bytes`, 'more');
      if (entry.size > 1e6 && entry.size > MOST_RATIO * Math.max(1, entry.packedSize))
        throw refused(shown, `at most ${MOST_RATIO} times its packed size`, 'more');
    }
    files.set(name, openEntry(source, entry));
  }
  return files;
}

function refused(what: string, expected: string, got: string): ZipError {
  return new ZipError(`${what} — expected ${expected}, got ${got}. It was not unpacked.`);
}

function openEntry(source: ByteSource, entry: ZipEntry): ByteSource {
  let opened: Promise<ByteSource> | undefined;
  const open = async (): Promise<ByteSource> => {
    const raw = sliceOf(source, ...(await dataSpan(source, entry)));
    return entry.method === 'stored' ? raw : unpack(raw, entry);
  };
  return {
    size: entry.size,
    async read(start, end) {
      checkSpan(start, end, entry.size);
      return (await (opened ??= open())).read(start, end);
    },
  };
}

/** Where an entry's bytes are: its own header, whose length only it knows, comes before them. */
async function dataSpan(source: ByteSource, { name, offset, packedSize }: ZipEntry): Promise<[number, number]> {
  const header = new DataView((await source.read(offset, offset + 30)).buffer);
  if (header.getUint32(0, true) !== 0x04034b50)
    throw new ZipError(
      `${shownName(name)} — expected a file at byte ${offset}, got something else. The zip is damaged; download it again.`,
    );
  const start = offset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
  return [start, start + packedSize];
}

async function unpack(raw: ByteSource, { name, size, crc }: ZipEntry): Promise<ByteSource> {
  const parts: Uint8Array[] = [];
  let length = 0;
  let sum = 0;
  const differs = (got: string): ZipError =>
    new ZipError(`${shownName(name)} — expected ${size} bytes as they were packed, got ${got}. The zip is damaged; download it again.`);
  const inflate = new Inflate((part) => {
    length += part.length;
    if (length > size) throw differs('more');
    sum = crc32(part, sum);
    parts.push(part);
  });
  for (let at = 0; at < raw.size; at += PUSHED_AT_ONCE) {
    const end = Math.min(raw.size, at + PUSHED_AT_ONCE);
    const chunk = await raw.read(at, end);
    try {
      inflate.push(chunk, end === raw.size);
    } catch (error) {
      throw error instanceof ZipError ? error : differs(error instanceof Error ? error.message : String(error));
    }
  }
  if (length !== size) throw differs(`${length}`);
  if (sum !== crc) throw differs('others');
  return ofParts(parts);
}
