import Papa from 'papaparse';
import { chooseColumn, TextError, type ReadNotes, type ReadOptions, type TextDocument, type TextFile } from '../textFile.ts';
import { decodedChunks } from './decodedChunks.ts';

const DELIMITERS = [',', '\t', ';', '|'] as const;
/** A row that is longer has an unclosed quote. */
const LONGEST_ROW = 1 << 24;
const SAMPLED_ROWS = 100;

/** CSV and TSV with a header: a row a document, from the column that holds text. Quotes may span lines. */
export async function* delimitedDocuments(file: TextFile, options: ReadOptions, notes: ReadNotes): AsyncGenerator<TextDocument> {
  let header: readonly string[] | undefined;
  let column = -1;
  let count = 0;
  let without = 0;
  const sampled: string[][] = [];
  const documents = function* (rows: readonly string[][]): Generator<TextDocument> {
    for (const row of rows) {
      count += 1;
      const text = row[column];
      if (text === undefined || text.trim() === '') without += 1;
      else yield { name: `${file.path}, row ${count}`, text };
    }
  };
  const decide = (names: readonly string[]): void => {
    const characters = new Map<string, number>();
    for (const [at, name] of names.entries())
      for (const row of sampled) {
        const cell = row[at] ?? '';
        if (cell !== '' && !Number.isFinite(Number(cell))) characters.set(name, (characters.get(name) ?? 0) + cell.length);
      }
    const columns = chooseColumn(file.path, characters, options.column);
    column = names.indexOf(columns.chosen);
    notes.columns(columns);
  };
  for await (const rows of rowBatches(file)) {
    header ??= headerOf(file, rows.shift());
    if (column >= 0) {
      yield* documents(rows);
      continue;
    }
    sampled.push(...rows);
    if (sampled.length < SAMPLED_ROWS) continue;
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
}

function headerOf(file: TextFile, row: readonly string[] | undefined): string[] {
  if (row === undefined) throw new TextError(file.path, 'expected a header row, got nothing. Choose a file with a header.');
  const seen = new Set<string>();
  return row.map((given, at) => {
    const name = given.trim() === '' ? `column ${at + 1}` : given.trim();
    const unique = seen.has(name) ? `${name} (column ${at + 1})` : name;
    seen.add(unique);
    return unique;
  });
}

/** Whole rows, some at a time. The last row of a piece may be cut, so it is parsed again with the next piece. */
async function* rowBatches(file: TextFile): AsyncGenerator<string[][]> {
  let rest = '';
  let delimiter: string | undefined;
  const parse = (text: string, last: boolean): string[][] => {
    const rows: string[][] = [];
    let complete = 0;
    let end = 0;
    const { meta } = Papa.parse<string[]>(text, {
      delimiter: delimiter ?? '',
      delimitersToGuess: [...DELIMITERS],
      skipEmptyLines: true,
      step: ({ data, meta: { cursor } }) => {
        rows.push(data);
        complete = end;
        end = cursor;
      },
    });
    delimiter ??= meta.delimiter;
    if (last) return rows;
    rows.pop();
    rest = text.slice(complete);
    return rows;
  };
  for await (const chunk of decodedChunks(file)) {
    const rows = parse(rest + chunk, false);
    if (rest.length > LONGEST_ROW)
      throw new TextError(file.path, `a row is longer than ${LONGEST_ROW} characters: a quote is opened and never closed. Mend the file.`);
    if (rows.length > 0) yield rows;
  }
  if (rest.trim() !== '') yield parse(rest, true);
}
