import Papa from 'papaparse';
import { chooseColumn, ColumnSample, isTelling, SAMPLED } from '../columns.ts';
import { TextError, type ReadNotes, type ReadOptions, type TextDocument, type TextFile } from '../textFile.ts';
import { decodedChunks } from './decodedChunks.ts';

const DELIMITERS = [',', '\t', ';', '|'] as const;
/** A row that is longer has an unclosed quote. */
const LONGEST_ROW = 1 << 24;
/** Rows with an unclosed quote after which a file has no quoting at all: each of them is searched for the quote's end. */
const MOST_STRAY = 200;
/** A sentence in the place of a name. */
const WORDS_OF_TEXT = 3;

/**
 * CSV and TSV: a row a document, from the column that holds text. Quotes may span lines, unless the rows say that quotes are
 * plain characters, as in GLUE's files; a first row that is no header is read as the others.
 */
export async function* delimitedDocuments(file: TextFile, options: ReadOptions, notes: ReadNotes): AsyncGenerator<TextDocument> {
  let header: readonly string[] | undefined;
  let first: readonly string[] = [];
  let column = -1;
  let count = 0;
  let without = 0;
  let joined = 0;
  const sampled: string[][] = [];
  const table = new RowReader(file);
  const documents = function* (rows: readonly string[][]): Generator<TextDocument> {
    for (const row of rows) {
      count += 1;
      let text = row[column];
      // Delimiters within an unquoted text can be told if it comes last.
      if (text !== undefined && row.length > table.width && column === table.width - 1) {
        text = row.slice(column).join(table.delimiter);
        joined += 1;
      }
      if (text === undefined || text.trim() === '') without += 1;
      else yield { name: `${file.path}, row ${count}`, text };
    }
  };
  const decide = (given: readonly string[]): void => {
    let names = given;
    if (isNoHeader(first, sampled)) {
      sampled.unshift([...first]);
      names = first.map((_, at) => `column ${at + 1}`);
      notes.notice(`${file.path}: its first row holds no names, and was read as the others.`);
    }
    const columns = chooseColumn(file.path, samplesOf(names, sampled), options.column);
    column = names.indexOf(columns.chosen);
    notes.columns(columns);
  };
  for await (const rows of table.batches()) {
    if (header === undefined) {
      first = rows.shift() ?? [];
      header = headerOf(file, first);
    }
    if (column >= 0) {
      yield* documents(rows);
      continue;
    }
    sampled.push(...rows);
    if (sampled.length < SAMPLED.first) continue;
    if (sampled.length < SAMPLED.most && !isTelling(samplesOf(header, sampled), options.column)) continue;
    decide(header);
    yield* documents(sampled);
  }
  if (header === undefined || (column < 0 && sampled.length === 0))
    throw new TextError(file.path, 'expected a header and rows below it, got a header alone. Choose a file with rows.');
  if (column < 0) {
    decide(header);
    yield* documents(sampled);
  }
  if (without > 0) notes.notice(`${file.path}: ${without} rows hold no text in the chosen column and were left out.`);
  if (joined > 0)
    notes.notice(
      `${file.path}: ${joined} rows have more cells than the header has names; what follows the text's column was read as the text's end.`,
    );
  table.tell(notes);
}

function samplesOf(names: readonly string[], rows: readonly (readonly string[])[]): Map<string, ColumnSample> {
  const samples = new Map<string, ColumnSample>();
  for (const [at, name] of names.entries()) {
    const sample = new ColumnSample();
    for (const row of rows) if (!isNumber(row[at] ?? '')) sample.add(row[at] ?? '');
    if (!sample.empty) samples.set(name, sample);
  }
  return samples;
}

function isNumber(cell: string): boolean {
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

  get width(): number {
    return this.#width;
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
  async *batches(): AsyncGenerator<string[][]> {
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
        if (!this.#literal)
          stray = this.#strayIn(
            text,
            complete,
            end,
            errors.some(({ type }) => type === 'Quotes'),
            isWhole,
          );
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
