import {
  parquetMetadataAsync,
  parquetRead,
  parquetSchema,
  type AsyncBuffer,
  type Compressors,
  type FileMetaData,
  type SchemaTree,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { textAt } from '../fieldPaths.ts';

/** What the reader asks of the realm that decodes. One request at a time. */
export type ParquetRequest =
  | { readonly kind: 'open'; readonly size: number }
  | { readonly kind: 'rows'; readonly columns: readonly string[]; readonly from: number; readonly to: number }
  | { readonly kind: 'bytes'; readonly id: number; readonly bytes: Uint8Array };

/** What the realm answers; `need` comes in between. */
export type ParquetAnswer =
  | { readonly kind: 'need'; readonly id: number; readonly start: number; readonly end: number }
  /** Paths of the columns and inner fields that are strings, or lists of them. */
  | { readonly kind: 'opened'; readonly names: readonly string[]; readonly groups: readonly number[] }
  /** Cells without text are empty, and lists joined. */
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
    return { kind: 'opened', names: textFields(found), groups: found.row_groups.map(({ num_rows }) => Number(num_rows)) };
  };
  const read = async (columns: readonly string[], from: number, to: number): Promise<ParquetAnswer> => {
    if (metadata === undefined) throw new Error('no file is open');
    const roots = rootsOf(metadata, columns);
    let rows: readonly (readonly unknown[])[] = [];
    await parquetRead({
      file,
      metadata,
      columns: roots,
      rowStart: from,
      rowEnd: to,
      compressors: BOUNDED,
      onComplete: (table) => {
        rows = table;
      },
    });
    return { kind: 'table', rows: rows.map((row) => textsOf(row, roots, columns)) };
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

/** A row's texts, by paths. */
function textsOf(row: readonly unknown[], roots: readonly string[], paths: readonly string[]): string[] {
  const fields = new Map(roots.map((root, at) => [root, row[at]]));
  return paths.map((path) => textAt(fields, path) ?? '');
}

/** The columns that paths lie in, once each, in the table's order. */
function rootsOf(metadata: FileMetaData, paths: readonly string[]): string[] {
  const roots = parquetSchema(metadata).children.map(({ element }) => element.name);
  return roots.filter((root) => paths.some((path) => path === root || path.startsWith(`${root}.`) || path.startsWith(`${root}[].`)));
}

/** Paths of all strings: `text`, `data.text`, `tokens`, `messages[].content`. */
function textFields(metadata: FileMetaData): string[] {
  const names: string[] = [];
  const walk = (node: SchemaTree, path: string): void => {
    const { element, children } = node;
    // A repeated field is a list, whether or not it says so.
    if (element.repetition_type === 'REPEATED' && children.length > 0)
      children.forEach((child) => walk(child, `${path}[].${child.element.name}`));
    else if (element.converted_type === 'LIST' || element.logical_type?.type === 'LIST') items(node, path);
    else if (element.converted_type === 'MAP') return;
    else if (children.length > 0) children.forEach((child) => walk(child, `${path}.${child.element.name}`));
    else if (isText(element)) names.push(path);
  };
  const items = ({ children }: SchemaTree, path: string): void => {
    const item = children[0]?.children.length === 1 ? children[0].children[0] : children[0];
    if (item === undefined) return;
    if (item.element.converted_type === 'LIST') items(item, path);
    else if (item.children.length === 0) walk({ ...item, element: { ...item.element, repetition_type: 'OPTIONAL' } }, path);
    else item.children.forEach((child) => walk(child, `${path}[].${child.element.name}`));
  };
  parquetSchema(metadata).children.forEach((child) => walk(child, child.element.name));
  return [...new Set(names)];
}

function isText({ type, converted_type: converted }: SchemaTree['element']): boolean {
  return type === 'BYTE_ARRAY' && (converted === undefined || converted === 'UTF8');
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
