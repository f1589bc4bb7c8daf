import type { SpecialTokens } from './tokenizer.ts';

/** Rows of tokens, packed for training. */
export interface PackedText {
  /** [rows, sequence] row-major. */
  readonly sequences: Int32Array;
  /** Tokens of a row. */
  readonly sequence: number;
  /**
   * If documents lie apart in the rows: [D, 2], tokens [start, end) of `sequences` of every document, [CLS] and [SEP] included,
   * ascending. Each lies within a row. If left out, rows are running text.
   */
  readonly documents?: Int32Array;
}

/** Some rows of a text, as one batch. */
export interface PackedRows {
  /** [B T]. */
  readonly ids: Int32Array;
  /** [D, 2], tokens [start, end) of `ids`; left out of running text. */
  readonly documents?: Int32Array;
  /** [D], the number that each of them has in the text: what is kept of every document is found by it. Left out of running text. */
  readonly numbers?: Int32Array;
}

/** Rows that a document may still be put into. More of them would fill rows a little better, and take longer to search. */
const OPEN_ROWS = 64;

/** Documents without room that are passed over before a batch counts as full. */
const MISFITS = 8;

/** Ids of the tokens that frame and fill rows. */
export type SpecialMarks = Pick<SpecialTokens, 'pad' | 'classify' | 'separate'>;

/** A document that was put into a row. */
interface Placed {
  readonly row: number;
  readonly ids: Int32Array;
}

/**
 * Packs documents so that each has its own [CLS] and [SEP] and lies in one row, in the order given: into the first of the last
 * rows that has room for it, else into a new one. One that is longer than a row is cut into parts, which are documents then.
 *
 * @param documents token ids without special ones; empty ones are left out
 * @returns the rows, and where documents lie, in the order of rows and not of `documents`
 */
export function packApart(documents: Iterable<Int32Array>, sequence: number, { pad, classify, separate }: SpecialMarks): PackedText {
  const room = sequence - 2;
  const placed: Placed[] = [];
  /** Tokens that are used of every row. */
  const used: number[] = [];
  let open: number[] = [];
  for (const document of documents)
    for (let from = 0; from < document.length; from += room) {
      const ids = document.subarray(from, from + room);
      let row = open.find((each) => (used[each] ?? 0) + ids.length + 2 <= sequence);
      if (row === undefined) {
        row = used.push(0) - 1;
        open = [...open.slice(1 - OPEN_ROWS), row];
      }
      used[row] = (used[row] ?? 0) + ids.length + 2;
      // The shortest document has one token.
      if ((used[row] ?? 0) + 3 > sequence) open = open.filter((each) => each !== row);
      placed.push({ row, ids });
    }
  const sequences = new Int32Array(used.length * sequence).fill(pad);
  const spans = new Int32Array(2 * placed.length);
  // A stable sort: documents of one row stay in their order.
  const byRow = placed.toSorted((a, b) => a.row - b.row);
  let at = 0;
  for (const [number, { row, ids }] of byRow.entries()) {
    at = Math.max(at, row * sequence);
    sequences[at] = classify;
    sequences.set(ids, at + 1);
    sequences[at + ids.length + 1] = separate;
    spans.set([at, at + ids.length + 2], 2 * number);
    at += ids.length + 2;
  }
  return { sequences, sequence, documents: spans };
}

/** Joins documents to running text: [CLS] tokens [SEP] in every row, without a mark between documents. */
export function packJoined(documents: readonly Int32Array[], sequence: number, { pad, classify, separate }: SpecialMarks): PackedText {
  const room = sequence - 2;
  const tokens = documents.reduce((sum, { length }) => sum + length, 0);
  const sequences = new Int32Array(Math.ceil(tokens / room) * sequence).fill(pad);
  let at = 0;
  for (const document of documents)
    for (let from = 0; from < document.length;) {
      const row = Math.floor(at / room) * sequence;
      const inRow = at % room;
      const take = Math.min(room - inRow, document.length - from);
      sequences[row] = classify;
      sequences.set(document.subarray(from, from + take), row + 1 + inRow);
      sequences[row + 1 + inRow + take] = separate;
      from += take;
      at += take;
    }
  return { sequences, sequence };
}

/** Copies rows of a text into one batch. @param rows by number, in the order of the batch; one behind the last is padding alone */
export function takeRows({ sequences, sequence, documents }: PackedText, rows: readonly number[], pad: number): PackedRows {
  const ids = new Int32Array(rows.length * sequence).fill(pad);
  rows.forEach((row, i) => ids.set(sequences.subarray(row * sequence, (row + 1) * sequence), i * sequence));
  if (documents === undefined) return { ids };
  const spans: number[] = [];
  const numbers: number[] = [];
  rows.forEach((row, i) => {
    const shift = (i - row) * sequence;
    for (let number = firstFrom(documents, row * sequence); ; number++) {
      const [start, end] = [documents[2 * number], documents[2 * number + 1]];
      if (start === undefined || end === undefined || start >= (row + 1) * sequence) break;
      spans.push(start + shift, end + shift);
      numbers.push(number);
    }
  });
  return { ids, documents: Int32Array.from(spans), numbers: Int32Array.from(numbers) };
}

/** Rows [from, to) of a text, as a text. */
export function rowsBetween({ sequences, sequence, documents }: PackedText, from: number, to: number): PackedText {
  const part = { sequences: sequences.subarray(from * sequence, to * sequence), sequence };
  if (documents === undefined) return part;
  const [first, last] = [firstFrom(documents, from * sequence), firstFrom(documents, to * sequence)];
  return { ...part, documents: documents.slice(2 * first, 2 * last).map((at) => at - from * sequence) };
}

/** The number of the first document that starts at `token` or behind it. */
function firstFrom(documents: Int32Array, token: number): number {
  let [low, high] = [0, documents.length / 2];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((documents[2 * middle] ?? 0) < token) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The first documents of a text, each in a row of its own: for those that cannot keep documents apart. Running text as it is. */
export function oneARow(text: PackedText, most: number, pad: number): PackedText {
  const { sequences, sequence, documents } = text;
  if (documents === undefined) return rowsBetween(text, 0, Math.min(most, sequences.length / sequence));
  const count = Math.min(most, documents.length / 2);
  const rows = new Int32Array(count * sequence).fill(pad);
  for (let row = 0; row < count; row++) rows.set(sequences.subarray(documents[2 * row], documents[2 * row + 1]), row * sequence);
  return { sequences: rows, sequence };
}

/**
 * Lays documents of a text into the rows of one batch, each into the first row that has room for it.
 * @param numbers of documents, in the order in which they are tried   @param most documents
 * @returns the batch with what found room, in the order of rows, and the numbers of what was passed over before it was full
 */
export function layDocuments(
  { sequences, sequence, documents = new Int32Array() }: PackedText,
  numbers: () => number | undefined,
  batch: number,
  most: number,
  pad: number,
): { readonly rows: PackedRows & Required<Pick<PackedRows, 'documents' | 'numbers'>>; readonly left: readonly number[] } {
  const used = new Int32Array(batch);
  const placed: { readonly row: number; readonly number: number }[] = [];
  const left: number[] = [];
  while (placed.length < most && left.length < MISFITS) {
    const number = numbers();
    if (number === undefined) break;
    const length = (documents[2 * number + 1] ?? 0) - (documents[2 * number] ?? 0);
    const row = used.findIndex((tokens) => tokens + length <= sequence);
    if (row < 0) {
      left.push(number);
      continue;
    }
    used[row] = (used[row] ?? 0) + length;
    placed.push({ row, number });
  }
  const ids = new Int32Array(batch * sequence).fill(pad);
  const spans: number[] = [];
  const found = placed.toSorted((a, b) => a.row - b.row);
  let at = 0;
  for (const { row, number } of found) {
    at = Math.max(at, row * sequence);
    const tokens = sequences.subarray(documents[2 * number], documents[2 * number + 1]);
    ids.set(tokens, at);
    spans.push(at, at + tokens.length);
    at += tokens.length;
  }
  return { rows: { ids, documents: Int32Array.from(spans), numbers: Int32Array.from(found, ({ number }) => number) }, left };
}
