import { StudioError } from '../tensor/studioError.ts';

/** A text file that is read by slices: gigabytes never sit in one buffer. */
export interface TextFile {
  /** Relative, POSIX separators; for messages and for hints about the format. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** Bytes [start, end); `end` is at most `size`. */
  read(start: number, end: number): Promise<Uint8Array>;
}

/** One document: what is held out, or trained on, as a whole. */
export interface TextDocument {
  readonly name: string;
  readonly text: string;
}

/** The columns of a table, or the fields of JSON records, that hold text, and the one that was read. */
export interface TextColumns {
  readonly names: readonly string[];
  readonly chosen: string;
}

/** What a reader says beside documents. */
export interface ReadNotes {
  columns(columns: TextColumns): void;
  /** A sentence for the user about something that was read otherwise than they may expect. */
  notice(sentence: string): void;
}

export interface ReadOptions {
  /** Column or field that holds the text; chosen by name and content where it isn't given. */
  readonly column?: string;
}

/** A file that cannot be read as text. */
export class TextError extends StudioError {
  constructor(file: string, problem: string, details: Readonly<Record<string, unknown>> = {}) {
    super('text', `${file}: ${problem}`, { file, ...details });
  }
}

/** A file whose bytes are at hand. */
export function textFileOf(path: string, bytes: Uint8Array): TextFile {
  return { path, size: bytes.length, read: (start, end) => Promise.resolve(bytes.subarray(start, end)) };
}

/** Text columns by their usual names, the likeliest first. */
const USUAL_NAMES = ['text', 'content', 'body', 'document', 'article', 'sentence', 'sentences', 'passage', 'abstract', 'review', 'smiles'];

/**
 * The column to read: the one asked for, else one with a usual name, else the one with the most text in the sample.
 *
 * @param sample text characters seen by column
 * @throws TextError naming the columns if the one asked for, or any text column, is missing
 */
export function chooseColumn(file: string, sample: ReadonlyMap<string, number>, wanted: string | undefined): TextColumns {
  const names = [...sample.keys()];
  if (names.length === 0)
    throw new TextError(file, 'no column holds text — expected strings, got numbers or nothing. Choose another file.');
  if (wanted !== undefined) {
    if (!sample.has(wanted))
      throw new TextError(file, `column — expected one of ${listed(names)}, got ${JSON.stringify(wanted)}. Choose one of them.`, { names });
    return { names, chosen: wanted };
  }
  const usual = USUAL_NAMES.map((name) => names.find((given) => given.toLowerCase() === name)).find((name) => name !== undefined);
  const [longest] = [...sample].toSorted(([, a], [, b]) => b - a);
  return { names, chosen: usual ?? longest?.[0] ?? '' };
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 12).map((name) => JSON.stringify(name));
  return names.length > shown.length ? `${shown.join(', ')} and ${names.length - shown.length} more` : shown.join(', ');
}
