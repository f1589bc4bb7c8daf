import { chooseColumn, ColumnSample, isTelling, SAMPLED } from '../columns.ts';
import { textAt, textPaths } from '../fieldPaths.ts';
import { TextError, type ReadNotes, type ReadOptions, type TextDocument, type TextFile } from '../textFile.ts';
import { decodedChunks, linesOf } from './decodedChunks.ts';

const LONGEST_LINE = 1 << 24;
/** JSON that is no JSON Lines must be parsed whole. */
const LONGEST_WHOLE = 1 << 26;

type Fields = ReadonlyMap<string, unknown>;

/** JSON Lines, or one JSON array or object: a record a document, from the field that holds text, inner ones by path. */
export async function* jsonDocuments(file: TextFile, options: ReadOptions, notes: ReadNotes): AsyncGenerator<TextDocument> {
  const sampled: JsonRecord[] = [];
  let chosen: string | undefined;
  let without = 0;
  const textOf = (place: string, fields: Fields, field: string): TextDocument | undefined => {
    const text = textAt(fields, field);
    if (text !== undefined && text.trim() !== '') return { name: `${file.path}, ${place}`, text };
    without += 1;
    return undefined;
  };
  const samples = new Map<string, ColumnSample>();
  const look = (fields: Fields): void => {
    for (const [path, text] of textPaths(fields)) {
      const sample = samples.get(path) ?? new ColumnSample();
      sample.add(text);
      samples.set(path, sample);
    }
  };
  const isEnough = (): boolean =>
    sampled.length >= SAMPLED.most || (sampled.length === SAMPLED.first && isTelling(samples, options.column));
  const decide = (): string => {
    const columns = chooseColumn(file.path, samples, options.column);
    notes.columns(columns);
    return columns.chosen;
  };
  for await (const record of await jsonRecords(file, notes)) {
    if (chosen === undefined) {
      sampled.push(record);
      look(record.fields);
      if (!isEnough()) continue;
      chosen = decide();
      for (const { place, fields } of sampled) {
        const document = textOf(place, fields, chosen);
        if (document !== undefined) yield document;
      }
      continue;
    }
    const document = textOf(record.place, record.fields, chosen);
    if (document !== undefined) yield document;
  }
  if (chosen === undefined) {
    const field = decide();
    for (const { place, fields } of sampled) {
      const document = textOf(place, fields, field);
      if (document !== undefined) yield document;
    }
  }
  if (without > 0) notes.notice(`${file.path}: ${without} records hold no text in the chosen field and were left out.`);
}

/** One record, and where it stands in its file. */
interface JsonRecord {
  readonly place: string;
  readonly fields: Fields;
}

/** The records of a file of JSON Lines, or of one JSON array or object. A promise of them, since `yield*` costs a tenth of the reading. */
export async function jsonRecords(file: TextFile, notes: ReadNotes): Promise<AsyncGenerator<JsonRecord>> {
  const head = new TextDecoder().decode(await file.read(0, Math.min(64, file.size)));
  return head.trimStart().startsWith('[') || (await isOneObject(file)) ? wholeRecords(file, notes) : lineRecords(file);
}

async function* lineRecords(file: TextFile): AsyncGenerator<JsonRecord> {
  let count = 0;
  const tooLong = (line: number): Error =>
    new TextError(file.path, `line ${line} — expected at most ${LONGEST_LINE} characters, got more. Put one record on each line.`);
  for await (const line of linesOf(decodedChunks(file), LONGEST_LINE, tooLong)) {
    count += 1;
    if (line.trim() === '') continue;
    yield { place: `line ${count}`, fields: record(file, `line ${count}`, line) };
  }
}

/** Whether a file that begins with a brace is one object over many lines, or alone in one line, and no JSON Lines. */
async function isOneObject(file: TextFile): Promise<boolean> {
  if (file.size > LONGEST_WHOLE) return false;
  let first: string | undefined;
  for await (const line of linesOf(decodedChunks(file), LONGEST_LINE, () => new TextError(file.path, 'a long line'))) {
    if (line.trim() === '') continue;
    if (first !== undefined) return !isJson(first);
    first = line;
  }
  return true;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** A file that is one JSON value: an array of records, an object that holds one list of them, or a single record. */
async function* wholeRecords(file: TextFile, notes: ReadNotes): AsyncGenerator<JsonRecord> {
  if (file.size > LONGEST_WHOLE)
    throw new TextError(
      file.path,
      `a JSON array — expected at most ${LONGEST_WHOLE} bytes, got ${file.size}. Save it as JSON Lines, a record a line.`,
    );
  let text = '';
  for await (const chunk of decodedChunks(file)) text += chunk;
  const value = wholeValue(file, text);
  const { name, list } = listIn(value);
  if (name !== undefined) notes.notice(`${file.path}: the records were read from its list ${JSON.stringify(name)}.`);
  let count = 0;
  for (const item of list) {
    count += 1;
    yield { place: `record ${count}`, fields: fieldsOf(file, `record ${count}`, item) };
  }
}

function wholeValue(file: TextFile, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new TextError(
      file.path,
      `expected JSON Lines, a record a line, or one JSON array or object, got neither (${error instanceof Error ? error.message : String(error)}). Mend it, or write a record a line, as jq -c does.`,
    );
  }
}

/** The records of a JSON value: those of its only list of objects or texts, or itself. */
function listIn(value: unknown): { readonly name?: string; readonly list: readonly unknown[] } {
  if (Array.isArray(value)) return { list: value };
  if (typeof value !== 'object' || value === null) return { list: [value] };
  const lists = Object.entries<unknown>({ ...value }).flatMap(([name, list]) => (isRecords(list) ? [{ name, list }] : []));
  return lists.length === 1 && lists[0] !== undefined ? lists[0] : { list: [value] };
}

function isRecords(value: unknown): value is readonly unknown[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((item) => typeof item === 'string' || (typeof item === 'object' && item !== null && !Array.isArray(item)))
  );
}

function parsed(file: TextFile, place: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new TextError(file.path, `${place} — expected JSON, got ${JSON.stringify(text.trim().slice(0, 40))}. Mend or remove it.`);
  }
}

function record(file: TextFile, place: string, line: string): Fields {
  return fieldsOf(file, place, parsed(file, place, line));
}

function fieldsOf(file: TextFile, place: string, value: unknown): Fields {
  // A bare string is a record with one field.
  if (typeof value === 'string') return new Map([['text', value]]);
  // A list of words is one, too.
  if (Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string')) return new Map([['text', value]]);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TextError(
      file.path,
      `${place} — expected a JSON object, got ${Array.isArray(value) ? 'an array' : String(value)}. Mend or remove it.`,
    );
  return new Map(Object.entries(value));
}
