import type { ByteSource } from '../tensor/byteSource.ts';
import { shownName } from '../tensor/shown.ts';
import { StudioError } from '../tensor/studioError.ts';

/** A zip that is damaged, or means harm. */
export class ZipError extends StudioError {
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}) {
    super('zip', `zip: ${message}`, details);
  }
}

export interface ZipEntry {
  readonly name: string;
  readonly method: 'stored' | 'deflated';
  readonly encrypted: boolean;
  readonly size: number;
  readonly packedSize: number;
  readonly crc: number;
  /** Of the entry's own header. */
  readonly offset: number;
}

const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const FILE = 0x02014b50;
/** End record and the longest comment behind it. */
const TAIL = 22 + 0xffff;
/** A hundred thousand files with long names. */
const MOST_DIRECTORY = 64 * 2 ** 20;
const FULL_32 = 0xffffffff;

function damaged(expected: string, got: string): ZipError {
  return new ZipError(`expected ${expected}, got ${got}. It is cut off or damaged; download it again.`);
}

/**
 * The files of a zip, from the directory at its end alone: fflate and most others read a zip from one buffer, which a
 * checkpoint of gigabytes does not fit. Sizes past 4 GiB (zip64) are understood.
 * @throws ZipError if it has no directory, or one that points out of the file or twice to the same bytes
 */
export async function readZipDirectory(source: ByteSource): Promise<ZipEntry[]> {
  const { start, size } = await findDirectory(source);
  if (size > MOST_DIRECTORY)
    throw new ZipError(`expected a directory of at most ${MOST_DIRECTORY} bytes, got ${size}. It was not unpacked.`);
  if (start + size > source.size) throw damaged(`a directory within ${source.size} bytes`, `one that ends at ${start + size}`);
  const bytes = await source.read(start, start + size);
  const view = new DataView(bytes.buffer);
  const entries: ZipEntry[] = [];
  let at = 0;
  while (at + 46 <= bytes.length && view.getUint32(at, true) === FILE) {
    const next = at + 46 + view.getUint16(at + 28, true) + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    if (next > bytes.length) throw damaged('whole entries in the directory', 'one that ends behind it');
    entries.push(readEntry(bytes, view, at));
    at = next;
  }
  if (at !== bytes.length) throw damaged('entries alone in the directory', `something else at byte ${at}`);
  checkOverlaps(entries, start);
  return entries;
}

async function findDirectory(source: ByteSource): Promise<{ start: number; size: number }> {
  const from = Math.max(0, source.size - TAIL);
  const tail = new DataView((await source.read(from, source.size)).buffer);
  for (let at = tail.byteLength - 22; at >= 0; at--) {
    if (tail.getUint32(at, true) !== END || at + 22 + tail.getUint16(at + 20, true) !== tail.byteLength) continue;
    const size = tail.getUint32(at + 12, true);
    const start = tail.getUint32(at + 16, true);
    if (at < 20 || tail.getUint32(at - 20, true) !== LOCATOR_64) return { start, size };
    const end = Number(tail.getBigUint64(at - 12, true));
    if (end + 56 > source.size) throw damaged(`its end record within ${source.size} bytes`, `one at ${end}`);
    const record = new DataView((await source.read(end, end + 56)).buffer);
    if (record.getUint32(0, true) !== END_64) throw damaged('a zip64 end record', 'something else');
    return { start: Number(record.getBigUint64(48, true)), size: Number(record.getBigUint64(40, true)) };
  }
  throw damaged('a zip with a directory at its end', 'a file without one');
}

function readEntry(bytes: Uint8Array, view: DataView, at: number): ZipEntry {
  const flags = view.getUint16(at + 8, true);
  const method = view.getUint16(at + 10, true);
  const nameLength = view.getUint16(at + 28, true);
  const nameEnd = at + 46 + nameLength;
  const name = new TextDecoder().decode(bytes.subarray(at + 46, nameEnd));
  if (method !== 0 && method !== 8)
    throw new ZipError(`${shownName(name)} — expected a stored or deflated file, got method ${method}. Pack it with another program.`);
  const wide = wideFields(view, nameEnd, nameEnd + view.getUint16(at + 30, true));
  // A zip64 field is there only where the short one is full, in this order.
  const field = (offset: number): number => {
    const short = view.getUint32(at + offset, true);
    return short === FULL_32 ? (wide.shift() ?? short) : short;
  };
  const size = field(24);
  const packedSize = field(20);
  const entry: ZipEntry = {
    name,
    method: method === 0 ? 'stored' : 'deflated',
    encrypted: (flags & 1) === 1,
    size,
    packedSize,
    crc: view.getUint32(at + 16, true),
    offset: field(42),
  };
  if (entry.method === 'stored' && size !== packedSize) throw damaged(`${shownName(name)} stored in ${size} bytes`, `${packedSize}`);
  return entry;
}

function wideFields(view: DataView, from: number, end: number): number[] {
  let at = from;
  while (at + 4 <= end) {
    const length = view.getUint16(at + 2, true);
    if (view.getUint16(at, true) === 1) {
      const found: number[] = [];
      for (let value = at + 4; value + 8 <= Math.min(end, at + 4 + length); value += 8) found.push(Number(view.getBigUint64(value, true)));
      return found;
    }
    at += 4 + length;
  }
  return [];
}

/** Overlapping files are how a small zip claims to be a huge one. */
function checkOverlaps(entries: readonly ZipEntry[], directory: number): void {
  const sorted = entries.toSorted((a, b) => a.offset - b.offset);
  sorted.forEach((entry, i) => {
    const next = sorted[i + 1]?.offset ?? directory;
    const end = entry.offset + 30 + entry.packedSize;
    if (end > next) throw new ZipError(`${shownName(entry.name)} — expected to end before byte ${next}, got ${end}. It was not unpacked.`);
  });
}
