import Papa from 'papaparse';
import { TextError, type ReadNotes, type TextFile } from '../textFile.ts';
import { decodedChunks } from './decodedChunks.ts';

const DELIMITERS = [',', '\t', ';', '|'] as const;
/** A row that is longer has an unclosed quote. */
const LONGEST_ROW = 1 << 24;
/** Rows with an unclosed quote after which a file has no quoting at all: each of them is searched for the quote's end. */
const MOST_STRAY = 200;
/** A sentence in the place of a name. */
const WORDS_OF_TEXT = 3;

/** A table of CSV or TSV whose first rows were looked at. */
export interface OpenTable {
  /** Of every column, each once. */
  readonly names: readonly string[];
  /** The first rows, without the header; at least one. */
  readonly sample: readonly (readonly string[])[];
  /** The rows after them, some at a time; read once. */
  readonly rest: AsyncGenerator<readonly (readonly string[])[], void>;
  readonly delimiter: string;
  /** Says what was assumed about quotes; once all rows were read. */
  readonly tell: () => void;
}

/**
 * Opens a table. Quotes may span lines, unless the rows say that quotes are plain characters, as in GLUE's files; a first row
 * that is no header is read as the others, and told.
 *
 * @param isEnough whether these first rows tell what is asked of them; more are read until they do
 * @throws TextError if there is no row
 */
export async function openTable(
  file: TextFile,
  notes: ReadNotes,
  isEnough: (names: readonly string[], rows: readonly (readonly string[])[]) => boolean,
): Promise<OpenTable> {
  const table = new RowReader(file);
  const rest = table.batches();
  const sample: (readonly string[])[] = [];
  let first: readonly string[] | undefined;
  let header: string[] | undefined;
  while (header === undefined || !isEnough(header, sample)) {
    const next = await rest.next();
    if (next.done === true) break;
    const rows = next.value;
    sample.push(...(first === undefined ? rows.slice(1) : rows));
    first ??= rows[0] ?? [];
    header ??= headerOf(file, first);
  }
  if (first === undefined || header === undefined || sample.length === 0)
    throw new TextError(file.path, 'expected a header and rows below it, got a header alone. Choose a file with rows.');
  const isHeadless = isNoHeader(first, sample);
  if (isHeadless) notes.notice(`${file.path}: its first row holds no names, and was read as the others.`);
  return {
    names: isHeadless ? first.map((_, at) => `column ${at + 1}`) : header,
    sample: isHeadless ? [first, ...sample] : sample,
    rest,
    delimiter: table.delimiter,
    tell: () => table.tell(notes),
  };
}

export function isNumber(cell: string): boolean {
  return cell.trim() !== '' && Number.isFinite(Number(cell));
}

/** A number among its cells, in a column of numbers, and a sentence: GLUE's CoLA begins at once. */
function isNoHeader(first: readonly string[], rows: readonly (readonly string[])[]): boolean {
  const numbers = first.some((cell, at) => isNumber(cell) && rows.every((row) => isNumber(row[at] ?? '')));
  return numbers && first.some((cell) => cell.trim().split(/\s+/).length >= WORDS_OF_TEXT);
}

function headerOf(file: TextFile, row: readonly string[]): string[] {
  if (row.length === 0) throw new TextError(file.path, 'expected a header row, got nothing. Choose a file with a header.');
  const seen = new Set<string>();
  return row.map((given, at) => {
    const name = given.trim() === '' ? `column ${at + 1}` : given.trim();
    const unique = seen.has(name) ? `${name} (column ${at + 1})` : name;
    seen.add(unique);
    return unique;
  });
}

/** A row that seems to end at a quote further on, and where its first line ends. */
interface StrayQuote {
  readonly start: number;
  readonly end: number;
}

/** Whole rows, some at a time. */
class RowReader {
  readonly #file: TextFile;
  #delimiter: string | undefined;
  /** Cells of the first row. */
  #width = 0;
  /** Quotes are plain characters from here on. */
  #literal = false;
  #stray = 0;
  /** Of the first row that begins a quote and does not close it. */
  #example = '';

  constructor(file: TextFile) {
    this.#file = file;
  }

  get delimiter(): string {
    return this.#delimiter ?? ',';
  }

  /** Says what was assumed about quotes. */
  tell(notes: ReadNotes): void {
    if (this.#stray === 0) return;
    const seen = `a quote is opened in ${JSON.stringify(this.#example)} and not closed in its row`;
    notes.notice(
      this.#literal
        ? `${this.#file.path}: ${seen}, so quotes were read as plain characters, a row a line.`
        : `${this.#file.path}: ${seen}; ${this.#stray === 1 ? 'it was read as it stands' : `${this.#stray} rows like it were read as they stand`}.`,
    );
  }

  /** The last row of a piece may be cut, so it is parsed again with the next piece. */
  async *batches(): AsyncGenerator<string[][], void> {
    let rest = '';
    for await (const chunk of decodedChunks(this.#file)) {
      const found = this.#parse(rest + chunk, false);
      rest = found.rest;
      if (rest.length > LONGEST_ROW)
        throw new TextError(
          this.#file.path,
          `a row is longer than ${LONGEST_ROW} characters: a quote is opened and never closed. Mend the file.`,
        );
      if (found.rows.length > 0) yield found.rows;
    }
    if (rest.trim() !== '') yield this.#parse(rest, true).rows;
  }

  #parse(text: string, last: boolean): { readonly rows: string[][]; readonly rest: string } {
    this.#delimiter ??= this.#named(text);
    const isFirst = this.#width === 0;
    let rows: string[][] = [];
    let from = 0;
    let newline: '\n' | '\r' | '\r\n' | undefined;
    for (;;) {
      const piece = text.slice(from);
      const found = this.#parsePiece(piece, last, newline, rows);
      newline ??= found.newline;
      if (found.stray === undefined) return { rows, rest: last ? '' : piece.slice(found.complete) };
      const { start, end } = found.stray;
      if (this.#stray === 0) this.#example = piece.slice(start, end).trim().slice(0, 60);
      this.#stray += 1;
      if (this.#delimiter === '\t' || this.#stray > MOST_STRAY) {
        this.#literal = true;
        // Nothing of the file was given out yet: all of it is read in one way.
        if (isFirst) rows = [];
        from = isFirst ? 0 : from + start;
      } else {
        rows.push(this.#cells(piece.slice(start, end)));
        from += end;
      }
    }
  }

  /** A tab in the header of a file called so; else the likeliest is guessed. */
  #named(text: string): string | undefined {
    const [line = ''] = text.split('\n', 1);
    return /\.(tsv|tab)$/i.test(this.#file.path) && line.includes('\t') ? '\t' : undefined;
  }

  #parsePiece(
    text: string,
    last: boolean,
    newline: '\n' | '\r' | '\r\n' | undefined,
    rows: string[][],
  ): { readonly complete: number; readonly newline: '\n' | '\r' | '\r\n'; readonly stray?: StrayQuote } {
    let complete = 0;
    let end = 0;
    let stray: StrayQuote | undefined;
    let linebreak = '\n';
    Papa.parse<string[]>(text, {
      delimiter: this.#delimiter ?? '',
      delimitersToGuess: [...DELIMITERS],
      ...(newline === undefined ? {} : { newline }),
      ...(this.#literal ? { fastMode: true } : {}),
      skipEmptyLines: true,
      step: ({ data, errors, meta }, parser) => {
        complete = end;
        end = meta.cursor;
        linebreak = meta.linebreak;
        this.#delimiter ??= meta.delimiter;
        if (this.#width === 0) this.#width = data.length;
        const isWhole = last || end < text.length;
        const isFaulty = errors.some(({ type }) => type === 'Quotes');
        if (!this.#literal && (isFaulty || this.#delimiter === '\t')) stray = this.#strayIn(text, complete, end, isFaulty, isWhole);
        if (stray === undefined) rows.push(data);
        else parser.abort();
      },
    });
    const line = linebreak === '\r\n' || linebreak === '\r' ? linebreak : '\n';
    if (stray !== undefined) return { complete, newline: line, stray };
    if (!last) rows.pop();
    return { complete, newline: line };
  }

  /**
   * Whether the quote that makes a row span lines is a plain character: taken so, its first line is a whole row, and so is what
   * follows. Where tabs separate, all lines must be whole rows: cells hardly ever hold tabs.
   *
   * @param isFaulty the parser found a quote that does not close, or closes within a cell
   * @param isWhole the row does not go on in the next piece
   */
  #strayIn(text: string, from: number, end: number, isFaulty: boolean, isWhole: boolean): StrayQuote | undefined {
    const { delimiter } = this;
    let start = from;
    while (text[start] === '\n' || text[start] === '\r') start += 1;
    const first = text.indexOf('\n', start);
    const spansLines = first >= 0 && first < end - 1;
    if (!(isFaulty || (spansLines && delimiter === '\t'))) return undefined;
    const stray = { start, end: spansLines ? first + 1 : end };
    const isRow = (line: string): boolean => line.replace(/\r$/, '').split(delimiter).length === this.#width;
    if (!isRow(text.slice(start, spansLines ? first : end).replace(/\n$/, ''))) return undefined;
    if (!spansLines) return isWhole ? stray : undefined;
    const lines = text.slice(first + 1, end).split('\n');
    // Empty, or cut at the end of the piece.
    if (lines.length > 1 || end < text.length) lines.pop();
    if (delimiter === '\t') return this.#width > 1 && lines.length > 0 && lines.every(isRow) ? stray : undefined;
    const [next = ''] = lines;
    return (isWhole || end - start > LONGEST_ROW) && (isRow(next) || this.#cells(next, '"').length === this.#width) ? stray : undefined;
  }

  /** Of one line. @param quoteChar none: quotes are plain characters */
  #cells(line: string, quoteChar?: '"'): string[] {
    if (quoteChar === undefined) return line.replace(/\r?\n$/, '').split(this.delimiter);
    return Papa.parse<string[]>(line, { delimiter: this.delimiter, quoteChar, newline: '\n', preview: 1 }).data[0] ?? [];
  }
}
