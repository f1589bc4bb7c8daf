import { parquetMetadataAsync, parquetRead, type Compressors, type FileMetaData } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { chooseColumn, TextError, type ReadNotes, type ReadOptions, type TextDocument, type TextFile } from '../textFile.ts';

/** A page says how long it gets: more than this is a lie or a bomb. */
const LARGEST_PAGE = 1 << 28;
const LARGEST_GROUP_ROWS = 1 << 24;
const SAMPLED_ROWS = 100;

/** Parquet: a row a document, row group by row group, from the string column that holds text. */
export async function* parquetDocuments(file: TextFile, options: ReadOptions, notes: ReadNotes): AsyncGenerator<TextDocument> {
  const buffer = {
    byteLength: file.size,
    slice: async (start: number, end?: number): Promise<ArrayBuffer> => {
      const from = Math.max(0, Math.min(file.size, start < 0 ? file.size + start : start));
      const to = Math.max(from, Math.min(file.size, end ?? file.size));
      return new Uint8Array(await file.read(from, to)).buffer;
    },
  };
  const metadata = await guarded(file, () => parquetMetadataAsync(buffer));
  const groups = metadata.row_groups.map(({ num_rows }) => Number(num_rows));
  const rows = groups.reduce((sum, count) => sum + count, 0);
  if (groups.some((count) => !(count >= 0 && count <= LARGEST_GROUP_ROWS)))
    throw new TextError(
      file.path,
      `a row group — expected at most ${LARGEST_GROUP_ROWS} rows, got more. Write it with smaller row groups.`,
    );
  if (rows === 0) throw new TextError(file.path, 'the table has no rows. Choose one with text.');
  const read = async (columns: readonly string[], from: number, to: number): Promise<readonly (readonly unknown[])[]> => {
    let table: readonly (readonly unknown[])[] = [];
    await guarded(file, () =>
      parquetRead({
        file: buffer,
        metadata,
        columns: [...columns],
        rowStart: from,
        rowEnd: to,
        compressors: BOUNDED,
        onComplete: (given) => {
          table = given;
        },
      }),
    );
    return table;
  };
  const names = stringColumns(metadata);
  const characters = new Map(names.map((name) => [name, 0]));
  if (names.length > 1 && options.column === undefined)
    for (const row of await read(names, 0, Math.min(SAMPLED_ROWS, rows)))
      names.forEach((name, at) => characters.set(name, (characters.get(name) ?? 0) + textOf(row[at]).length));
  const columns = chooseColumn(file.path, characters, options.column);
  notes.columns(columns);

  let start = 0;
  let without = 0;
  for (const count of groups) {
    const table = await read([columns.chosen], start, start + count);
    for (const [at, row] of table.entries()) {
      const text = textOf(row[0]);
      if (text.trim() === '') without += 1;
      else yield { name: `${file.path}, row ${start + at + 1}`, text };
    }
    start += count;
  }
  if (without > 0) notes.notice(`${file.path}: ${without} rows hold no text in the chosen column and were left out.`);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Top-level string columns; the schema's first element is the root. */
function stringColumns({ schema }: FileMetaData): string[] {
  const names: string[] = [];
  for (let at = 1; at < schema.length; at++) {
    const element = schema[at];
    if (element === undefined) continue;
    const children = element.num_children ?? 0;
    if (children > 0) at += descendants(schema, at);
    else if (
      element.type === 'BYTE_ARRAY' &&
      element.repetition_type !== 'REPEATED' &&
      (element.converted_type === undefined || element.converted_type === 'UTF8')
    )
      names.push(element.name);
  }
  return names;
}

function descendants(schema: FileMetaData['schema'], at: number): number {
  let open = schema[at]?.num_children ?? 0;
  let count = 0;
  while (open > 0 && at + count + 1 < schema.length) {
    count += 1;
    open += (schema[at + count]?.num_children ?? 0) - 1;
  }
  return count;
}

/** The library's decompressors, refusing pages that claim to be huge before anything is allocated. */
const BOUNDED: Compressors = Object.fromEntries(
  Object.entries(compressors).map(([codec, decompress]) => [
    codec,
    (input: Uint8Array, length: number): Uint8Array => {
      if (!(length >= 0 && length <= LARGEST_PAGE)) throw new RangeError(`a page of ${length} bytes`);
      return decompress(input, length);
    },
  ]),
);

/** The library throws plain errors for damage of any kind. */
async function guarded<T>(file: TextFile, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new TextError(
      file.path,
      `expected a whole Parquet file, got one that ends or differs (${error instanceof Error ? error.message : String(error)}). Download it again.`,
    );
  }
}
