import type { TextDocument, TextFile } from '../textFile.ts';
import { decodedChunks, linesOf } from './decodedChunks.ts';

/** A file up to this size is one document. */
const WHOLE_BYTES = 256 * 1024;
/** A larger one is cut at the first blank line after this many characters, */
const SECTION_CHARACTERS = 16 * 1024;
/** or at the first line after this many. */
const LONGEST_SECTION = 64 * 1024;
const LONGEST_LINE = 1 << 20;

/** Plain text and Markdown: a small file is a document, a large one is cut into documents at blank lines. */
export async function* plainDocuments(file: TextFile): AsyncGenerator<TextDocument> {
  let lines: string[] = [];
  let characters = 0;
  let section = 0;
  const take = (): TextDocument => {
    section += 1;
    const document = {
      name: file.size <= WHOLE_BYTES ? file.path : `${file.path}, part ${section}`,
      text: lines.join('\n'),
      byLine: true as const,
    };
    lines = [];
    characters = 0;
    return document;
  };
  for await (const line of linesOf(decodedChunks(file), LONGEST_LINE, () => 'cut')) {
    lines.push(line);
    characters += line.length + 1;
    if (file.size <= WHOLE_BYTES) continue;
    if (characters > (line.trim() === '' ? SECTION_CHARACTERS : LONGEST_SECTION)) yield take();
  }
  if (lines.length > 0) yield take();
}
