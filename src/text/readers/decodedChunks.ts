import { TextError, type TextFile } from '../textFile.ts';

const CHUNK_BYTES = 1 << 20;
/** What a binary file shows early on, and text never holds. */
const SNIFFED_BYTES = 8192;

const SAVE_ARROW =
  'Save it as Parquet or JSON Lines: in Python, load_from_disk(folder), then to_parquet("text.parquet") of the split that you want.';

/** Other files that get dropped as text, by their first bytes. */
const FOREIGN: readonly (readonly [string, readonly number[], string])[] = [
  ['a gzip', [0x1f, 0x8b], 'Unpack it first.'],
  ['a PDF', [...latin('%PDF-')], 'Save its text as .txt.'],
  ['a zstd', [0x28, 0xb5, 0x2f, 0xfd], 'Unpack it first.'],
  // A stream begins with a mark that no text has, a file with its name.
  ['an Arrow', [0xff, 0xff, 0xff, 0xff], SAVE_ARROW],
  ['an Arrow', [...latin('ARROW1')], SAVE_ARROW],
  ['a Feather', [...latin('FEA1')], 'Save it as Parquet or JSON Lines.'],
  ['an Avro', [...latin('Obj\u0001')], 'Save it as Parquet or JSON Lines.'],
  ['an ORC', [...latin('ORC')], 'Save it as Parquet or JSON Lines.'],
  ['an SQLite', [...latin('SQLite format 3')], 'Save its table as CSV or JSON Lines.'],
  [
    'a Git LFS pointer in the place of the',
    [...latin('version https://git-lfs.github.com/spec/')],
    'Run git lfs pull in its folder, or download the file itself.',
  ],
];

function latin(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/**
 * The file's text in pieces of about 1 MiB, cut anywhere but inside a character. UTF-8, or UTF-16 with a byte order mark.
 * @throws TextError naming the line if it is empty, binary, or not UTF-8
 */
export async function* decodedChunks(file: TextFile): AsyncGenerator<string> {
  if (file.size === 0) throw new TextError(file.path, 'the file is empty. Choose one with text.');
  const head = await file.read(0, Math.min(SNIFFED_BYTES, file.size));
  const utf16 = head[0] === 0xff && head[1] === 0xfe ? 'utf-16le' : head[0] === 0xfe && head[1] === 0xff ? 'utf-16be' : undefined;
  for (const [kind, bytes, cure] of FOREIGN)
    if (bytes.every((byte, at) => head[at] === byte) && !(kind === 'an ORC' && !head.includes(0)))
      throw new TextError(file.path, `expected plain text, got ${kind} file. ${cure}`);
  const decoder = new TextDecoder(utf16 ?? 'utf-8', { fatal: true });
  let line = 1;
  for (let start = 0; start < file.size; start += CHUNK_BYTES) {
    const bytes = await file.read(start, Math.min(file.size, start + CHUNK_BYTES));
    if (utf16 === undefined && bytes.includes(0))
      throw new TextError(
        file.path,
        'this is a binary file, expected plain text in UTF-8. Choose a text, CSV, JSON Lines or Parquet file.',
      );
    const last = start + CHUNK_BYTES >= file.size;
    let text: string;
    try {
      text = decoder.decode(bytes, { stream: !last });
    } catch {
      throw new TextError(
        file.path,
        `not valid UTF-8 in line ${line + damagedLine(bytes)}. It may be in an older encoding such as Latin-1: save it as UTF-8 and try again.`,
      );
    }
    for (const byte of bytes) if (byte === 10) line += 1;
    if (text !== '') yield text;
  }
}

/** Lines before the first one that is not UTF-8. The chunk's first and last line may be cut inside a character: they come last. */
function damagedLine(bytes: Uint8Array): number {
  const lines: Uint8Array[] = [];
  for (let start = 0; start <= bytes.length;) {
    const end = bytes.indexOf(10, start);
    lines.push(bytes.subarray(start, end < 0 ? bytes.length : end));
    start = end < 0 ? bytes.length + 1 : end + 1;
  }
  const inner = lines.slice(1, -1).findIndex((line) => !isUtf8(line));
  if (inner >= 0) return inner + 1;
  const first = lines[0];
  return first === undefined || !isUtf8(first) || lines.length === 1 ? 0 : lines.length - 1;
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/**
 * Lines without their ends.
 *
 * @param longest characters of a line that is still passed on
 * @param tooLong what to make of the longer: cut at a space, or an error
 */
export async function* linesOf(
  chunks: AsyncIterable<string>,
  longest: number,
  tooLong: (line: number) => 'cut' | Error,
): AsyncGenerator<string> {
  let rest = '';
  let count = 0;
  for await (const chunk of chunks) {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      count += 1;
      yield part.endsWith('\r') ? part.slice(0, -1) : part;
    }
    while (rest.length > longest) {
      const verdict = tooLong(count + 1);
      if (verdict !== 'cut') throw verdict;
      const space = rest.lastIndexOf(' ', longest);
      const at = space > 0 ? space : longest;
      yield rest.slice(0, at);
      rest = rest.slice(at);
    }
  }
  if (rest !== '') yield rest.endsWith('\r') ? rest.slice(0, -1) : rest;
}
