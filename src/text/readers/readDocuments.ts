import type { ReadNotes, ReadOptions, TextDocument, TextFile } from '../textFile.ts';
import { delimitedDocuments } from './delimited.ts';
import { jsonDocuments } from './jsonRecords.ts';
import { parquetDocuments } from './parquet.ts';
import { plainDocuments } from './plain.ts';

export type TextFormat = 'plain' | 'json' | 'delimited' | 'parquet';

const SNIFFED_BYTES = 4096;

/**
 * What a file holds, by its content. Only whether text with commas is a table is left to the name: prose has commas too.
 */
export async function sniffText(file: TextFile): Promise<TextFormat> {
  const head = await file.read(0, Math.min(SNIFFED_BYTES, file.size));
  if (head[0] === 0x50 && head[1] === 0x41 && head[2] === 0x52 && head[3] === 0x31) return 'parquet';
  const text = new TextDecoder().decode(head).trimStart();
  const [line = ''] = text.split('\n', 1);
  if (isRecord(line) || (text.startsWith('[') && /^\[\s*[{"[]/.test(text) && /\.json[l]?$/i.test(file.path))) return 'json';
  // A first record longer than what was read.
  if (/^\{\s*"/.test(text) && /\.(jsonl|ndjson|json)$/i.test(file.path)) return 'json';
  if (/\.(csv|tsv|tab)$/i.test(file.path)) return 'delimited';
  return 'plain';
}

function isRecord(line: string): boolean {
  if (!line.startsWith('{')) return false;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null;
  } catch {
    return false;
  }
}

/** Documents of a file of any format that is read. @throws TextError naming the file, what was expected and the cure */
export async function* readDocuments(file: TextFile, options: ReadOptions, notes: ReadNotes): AsyncGenerator<TextDocument> {
  switch (await sniffText(file)) {
    case 'parquet':
      yield* parquetDocuments(file, options, notes);
      return;
    case 'json':
      yield* jsonDocuments(file, options, notes);
      return;
    case 'delimited':
      yield* delimitedDocuments(file, options, notes);
      return;
    case 'plain':
      yield* plainDocuments(file);
  }
}
