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
  /** Its lines lie apart if documents do: a plain file says nothing else of where its documents end. */
  readonly byLine?: true;
}

/** The columns of a table, or the fields of JSON records by path, that hold text, and the one that was read. */
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
