import { chooseColumn, ColumnSample, isTelling, SAMPLED } from '../columns.ts';
import { TextError, type ReadNotes, type ReadOptions, type TextDocument, type TextFile } from '../textFile.ts';
import { ParquetFile } from './parquetWorker.ts';

const LARGEST_GROUP_ROWS = 1 << 24;

/** Parquet: a row a document, row group by row group, from the column that holds text, inner fields by path. */
export async function* parquetDocuments(file: TextFile, options: ReadOptions, notes: ReadNotes): AsyncGenerator<TextDocument> {
  const table = new ParquetFile(file);
  try {
    const { names, groups } = await table.open();
    const rows = groups.reduce((sum, count) => sum + count, 0);
    if (groups.some((count) => !(count >= 0 && count <= LARGEST_GROUP_ROWS)))
      throw new TextError(
        file.path,
        `a row group — expected at most ${LARGEST_GROUP_ROWS} rows, got more. Write it with smaller row groups.`,
      );
    if (rows === 0) throw new TextError(file.path, 'the table has no rows. Choose one with text.');
    const samples = new Map(names.map((name) => [name, new ColumnSample()]));
    let looked = 0;
    for (const most of [SAMPLED.first, SAMPLED.most]) {
      if (looked >= rows || isTelling(samples, options.column)) break;
      const end = Math.min(most, rows);
      for (const row of await table.rows(names, looked, end)) row.forEach((text, at) => samples.get(names[at] ?? '')?.add(text));
      looked = end;
    }
    const columns = chooseColumn(file.path, samples, options.column);
    notes.columns(columns);

    let start = 0;
    let without = 0;
    for (const count of groups) {
      for (const [at, [text = '']] of (await table.rows([columns.chosen], start, start + count)).entries()) {
        if (text.trim() === '') without += 1;
        else yield { name: `${file.path}, row ${start + at + 1}`, text };
      }
      start += count;
    }
    if (without > 0) notes.notice(`${file.path}: ${without} rows hold no text in the chosen column and were left out.`);
  } finally {
    table.close();
  }
}
