import { ColumnSample, SAMPLED } from '../columns.ts';
import { textPaths } from '../fieldPaths.ts';
import { TextError, type ReadNotes, type TextFile } from '../textFile.ts';
import { isNumber, openTable } from './delimitedRows.ts';
import { jsonRecords } from './jsonRecords.ts';
import { sniffText } from './readDocuments.ts';

/** Two sentences, and how alike people found them; the larger the score, the more. */
export interface ScoredPair {
  readonly first: string;
  readonly second: string;
  readonly score: number;
}

/** Columns, or fields of records by path, that hold the pairs. */
export interface PairColumns {
  readonly first: string;
  readonly second: string;
  readonly score: string;
}

export interface ScoredPairs {
  readonly pairs: readonly ScoredPair[];
  readonly columns: PairColumns;
}

/** What data sets of sentence similarity call their columns. */
const USUAL: readonly PairColumns[] = [
  { first: 'sentence1', second: 'sentence2', score: 'score' },
  { first: 'sentence1', second: 'sentence2', score: 'similarity_score' },
  { first: 'sentence1', second: 'sentence2', score: 'label' },
  { first: 'sentence_A', second: 'sentence_B', score: 'relatedness_score' },
  { first: 'text1', second: 'text2', score: 'score' },
  { first: 'question1', second: 'question2', score: 'is_duplicate' },
];

interface PairRow {
  readonly place: string;
  /** Text and numbers, by column or path. */
  readonly cells: ReadonlyMap<string, string>;
}

/**
 * A table of scored pairs: CSV, TSV or JSON Lines. Columns are found by their usual names, else by content: the two of text with
 * the most different words, in their order, and the one of numbers.
 *
 * @param wanted columns to read instead
 * @throws TextError naming the row if a score is no number, or the columns if they cannot be told
 */
export async function readScoredPairs(file: TextFile, wanted: PairColumns | undefined, notes: ReadNotes): Promise<ScoredPairs> {
  const format = await sniffText(file);
  if (format === 'parquet' || format === 'plain')
    throw new TextError(
      file.path,
      `expected pairs with scores as CSV, TSV or JSON Lines, got ${format === 'plain' ? 'plain text' : 'Parquet'}. Save them as one of these.`,
    );
  const rows = format === 'json' ? jsonRows(file, notes) : tableRows(file, notes);
  const sampled: PairRow[] = [];
  const pairs: ScoredPair[] = [];
  let columns: PairColumns | undefined;
  let without = 0;
  const take = ({ place, cells }: PairRow, { first: a, second: b, score }: PairColumns): void => {
    const [first = '', second = '', number = ''] = [cells.get(a), cells.get(b), cells.get(score)];
    if (first.trim() === '' || second.trim() === '' || number.trim() === '') without += 1;
    else if (isNumber(number)) pairs.push({ first, second, score: Number(number) });
    else
      throw new TextError(
        file.path,
        `${place}, ${score} — expected a number, got ${JSON.stringify(number.slice(0, 40))}. Mend or remove it, or name the columns.`,
      );
  };
  for await (const row of rows) {
    if (columns !== undefined) take(row, columns);
    else if (sampled.push(row) >= SAMPLED.first) {
      columns = chooseColumns(file, sampled, wanted);
      for (const one of sampled) take(one, columns);
    }
  }
  if (columns === undefined) {
    columns = chooseColumns(file, sampled, wanted);
    for (const one of sampled) take(one, columns);
  }
  if (without > 0) notes.notice(`${file.path}: ${without} rows lack a sentence or the score and were left out.`);
  if (pairs.length < 2)
    throw new TextError(file.path, `expected at least two pairs to correlate, got ${pairs.length}. Choose a file with more.`);
  if (pairs.every(({ score }) => score === pairs[0]?.score))
    throw new TextError(file.path, `${columns.score} — expected scores that differ, got ${pairs[0]?.score} alone. Choose another column.`);
  return { pairs, columns };
}

function chooseColumns(file: TextFile, rows: readonly PairRow[], wanted: PairColumns | undefined): PairColumns {
  const names = [...new Set(rows.flatMap(({ cells }) => [...cells.keys()]))];
  const has = ({ first, second, score }: PairColumns): boolean => [first, second, score].every((name) => names.includes(name));
  if (wanted !== undefined) {
    const missing = Object.values<string>({ ...wanted }).find((name) => !names.includes(name));
    if (missing === undefined) return wanted;
    throw new TextError(file.path, `column — expected some of ${listed(names)}, got ${JSON.stringify(missing)}. Choose among them.`, {
      names,
    });
  }
  const usual = USUAL.find(has);
  if (usual !== undefined) return usual;
  const texts: { readonly name: string; readonly weight: number }[] = [];
  const numbers: string[] = [];
  for (const name of names) {
    const values = rows.map(({ cells }) => cells.get(name) ?? '').filter((value) => value.trim() !== '');
    const sample = new ColumnSample();
    for (const value of values) sample.add(value);
    if (values.length > 0 && values.every(isNumber)) numbers.push(name);
    else if (!sample.empty && sample.kind(name) === 'text') texts.push({ name, weight: sample.weight });
  }
  const [first, second] = texts
    .toSorted((a, b) => b.weight - a.weight)
    .slice(0, 2)
    .map(({ name }) => name)
    .toSorted((a, b) => names.indexOf(a) - names.indexOf(b));
  // Among several columns of numbers the last is the score: those before it count rows.
  const score = numbers.at(-1);
  if (first === undefined || second === undefined || score === undefined)
    throw new TextError(
      file.path,
      `expected two columns of sentences and one of scores, got ${listed(names)}. Name the three columns, or choose another file.`,
      { names },
    );
  return { first, second, score };
}

function listed(names: readonly string[]): string {
  return names
    .slice(0, 12)
    .map((name) => JSON.stringify(name))
    .join(', ');
}

async function* tableRows(file: TextFile, notes: ReadNotes): AsyncGenerator<PairRow> {
  const { names, sample, rest, tell } = await openTable(file, notes, (_, { length }) => length >= SAMPLED.first);
  let count = 0;
  const named = function* (rows: readonly (readonly string[])[]): Generator<PairRow> {
    for (const row of rows) {
      count += 1;
      yield { place: `row ${count}`, cells: new Map(names.map((name, at) => [name, row[at] ?? ''])) };
    }
  };
  yield* named(sample);
  for await (const rows of rest) yield* named(rows);
  tell();
}

async function* jsonRows(file: TextFile, notes: ReadNotes): AsyncGenerator<PairRow> {
  for await (const { place, fields } of await jsonRecords(file, notes)) {
    const cells = new Map(textPaths(fields));
    for (const [name, value] of fields) if (typeof value === 'number' || typeof value === 'boolean') cells.set(name, String(Number(value)));
    yield { place, cells };
  }
}
