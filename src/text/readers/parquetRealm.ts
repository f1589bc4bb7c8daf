import { parquetMetadataAsync, parquetRead, type AsyncBuffer, type Compressors, type FileMetaData } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';

/** What the reader asks of the realm that decodes. One request at a time. */
export type ParquetRequest =
  | { readonly kind: 'open'; readonly size: number }
  | { readonly kind: 'rows'; readonly columns: readonly string[]; readonly from: number; readonly to: number }
  | { readonly kind: 'bytes'; readonly id: number; readonly bytes: Uint8Array };

/** What the realm answers; `need` comes in between. */
export type ParquetAnswer =
  | { readonly kind: 'need'; readonly id: number; readonly start: number; readonly end: number }
  | { readonly kind: 'opened'; readonly names: readonly string[]; readonly groups: readonly number[] }
  /** Cells that are not strings are empty. */
  | { readonly kind: 'table'; readonly rows: readonly (readonly string[])[] }
  | { readonly kind: 'failed'; readonly message: string };

/** A page says how long it gets: more than this is a lie or a bomb. */
const LARGEST_PAGE = 1 << 28;
/** Values of one page, and of any other list that a file declares. */
const LONGEST_LIST = 1 << 24;

/** Answers requests for one file after another. @param post sends an answer */
export function serveParquet(post: (answer: ParquetAnswer) => void): (request: ParquetRequest) => void {
  fixArrayLengths();
  let file: AsyncBuffer = { byteLength: 0, slice: () => Promise.resolve(new ArrayBuffer(0)) };
  let metadata: FileMetaData | undefined;
  const waiting = new Map<number, (bytes: Uint8Array) => void>();
  let asked = 0;

  const open = async (size: number): Promise<ParquetAnswer> => {
    waiting.clear();
    metadata = undefined;
    file = {
      byteLength: size,
      slice: async (from, to = size) => {
        const start = Math.max(0, Math.min(size, from < 0 ? size + from : from));
        const end = Math.max(start, Math.min(size, to));
        const id = asked++;
        const bytes = await new Promise<Uint8Array>((resolve) => {
          waiting.set(id, resolve);
          post({ kind: 'need', id, start, end });
        });
        return new Uint8Array(bytes).buffer;
      },
    };
    const found = await parquetMetadataAsync(file);
    metadata = found;
    return { kind: 'opened', names: stringColumns(found), groups: found.row_groups.map(({ num_rows }) => Number(num_rows)) };
  };
  const read = async (columns: readonly string[], from: number, to: number): Promise<ParquetAnswer> => {
    if (metadata === undefined) throw new Error('no file is open');
    let rows: readonly (readonly unknown[])[] = [];
    await parquetRead({
      file,
      metadata,
      columns: [...columns],
      rowStart: from,
      rowEnd: to,
      compressors: BOUNDED,
      onComplete: (table) => {
        rows = table;
      },
    });
    return { kind: 'table', rows: rows.map((row) => row.map((cell) => (typeof cell === 'string' ? cell : ''))) };
  };
  return (request) => {
    if (request.kind === 'bytes') {
      waiting.get(request.id)?.(request.bytes);
      waiting.delete(request.id);
      return;
    }
    const answer = request.kind === 'open' ? open(request.size) : read(request.columns, request.from, request.to);
    answer.then(post, (error: unknown) => post({ kind: 'failed', message: error instanceof Error ? error.message : String(error) }));
  };
}

/**
 * Run lengths of a damaged page make the decoder write far beyond the list that it made for the page, gigabytes of it.
 * In this realm, which does nothing else, lists of a declared length cannot grow: that write throws.
 */
function fixArrayLengths(): void {
  const Original = Array;
  globalThis.Array = new Proxy(Original, {
    construct(target, args: readonly unknown[], newTarget) {
      const [length] = args;
      const made: unknown = Reflect.construct(target, args, newTarget);
      if (!isList(made)) throw new TypeError('expected an array');
      if (args.length !== 1 || typeof length !== 'number') return made;
      if (length > LONGEST_LIST) throw new RangeError(`a list of ${length} values`);
      // Holes are missing properties: they must be there before the list is closed.
      return Object.preventExtensions<unknown[]>(made.fill(undefined));
    },
  });
}

function isList(value: unknown): value is unknown[] {
  return Array.isArray(value);
}

/** Top-level string columns; the schema's first element is the root. */
function stringColumns({ schema }: FileMetaData): string[] {
  const names: string[] = [];
  for (let at = 1; at < schema.length; at++) {
    const element = schema[at];
    if (element === undefined) continue;
    if ((element.num_children ?? 0) > 0) at += descendants(schema, at);
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
