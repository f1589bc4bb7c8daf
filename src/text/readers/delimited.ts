import { chooseColumn, ColumnSample, isTelling, SAMPLED } from '../columns.ts';
import type { ReadNotes, ReadOptions, TextDocument, TextFile } from '../textFile.ts';
import { isNumber, openTable } from './delimitedRows.ts';

/** CSV and TSV: a row a document, from the column that holds text. */
export async function* delimitedDocuments(file: TextFile, options: ReadOptions, notes: ReadNotes): AsyncGenerator<TextDocument> {
  const isEnough = (names: readonly string[], rows: readonly (readonly string[])[]): boolean =>
    rows.length >= SAMPLED.most || (rows.length >= SAMPLED.first && isTelling(samplesOf(names, rows), options.column));
  const { names, sample, rest, delimiter, tell } = await openTable(file, notes, isEnough);
  const columns = chooseColumn(file.path, samplesOf(names, sample), options.column);
  const column = names.indexOf(columns.chosen);
  notes.columns(columns);
  let count = 0;
  let without = 0;
  let joined = 0;
  const documents = function* (rows: readonly (readonly string[])[]): Generator<TextDocument> {
    for (const row of rows) {
      count += 1;
      let text = row[column];
      // Delimiters within an unquoted text can be told if it comes last.
      if (text !== undefined && row.length > names.length && column === names.length - 1) {
        text = row.slice(column).join(delimiter);
        joined += 1;
      }
      if (text === undefined || text.trim() === '') without += 1;
      else yield { name: `${file.path}, row ${count}`, text };
    }
  };
  yield* documents(sample);
  for await (const rows of rest) yield* documents(rows);
  if (without > 0) notes.notice(`${file.path}: ${without} rows hold no text in the chosen column and were left out.`);
  if (joined > 0)
    notes.notice(
      `${file.path}: ${joined} rows have more cells than the header has names; what follows the text's column was read as the text's end.`,
    );
  tell();
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
