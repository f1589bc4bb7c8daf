import type { ReadNotes, ReadOptions, TextFile } from '../textFile.ts';
import { decodedChunks, linesOf } from './decodedChunks.ts';
import { readDocuments, sniffText } from './readDocuments.ts';

const LONGEST_LINE = 1 << 20;

/** Sentences of a file, each an input of its own: a line of plain text, a cell of a table, a record. Empty lines are left out. */
export async function* readSentences(file: TextFile, options: ReadOptions, notes: ReadNotes): AsyncGenerator<string> {
  if ((await sniffText(file)) === 'plain') {
    for await (const line of linesOf(decodedChunks(file), LONGEST_LINE, () => 'cut')) if (line.trim() !== '') yield line;
    return;
  }
  for await (const { text } of readDocuments(file, options, notes)) yield text;
}
