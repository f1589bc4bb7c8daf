import { readDocuments } from '../../src/text/readers/readDocuments.ts';
import { textFileOf, type TextColumns, type TextDocument, type TextFile } from '../../src/text/textFile.ts';

export interface Gathered {
  readonly documents: readonly TextDocument[];
  readonly columns: TextColumns | undefined;
  readonly notices: readonly string[];
}

/** Reads a whole file of any format. */
export async function gather(file: TextFile, column?: string): Promise<Gathered> {
  const documents: TextDocument[] = [];
  const notices: string[] = [];
  let columns: TextColumns | undefined;
  const notes = {
    columns: (found: TextColumns): void => {
      columns = found;
    },
    notice: (sentence: string): void => void notices.push(sentence),
  };
  for await (const document of readDocuments(file, column === undefined ? {} : { column }, notes)) documents.push(document);
  return { documents, columns, notices };
}

export function given(path: string, content: string | Uint8Array): TextFile {
  return textFileOf(path, typeof content === 'string' ? new TextEncoder().encode(content) : content);
}
