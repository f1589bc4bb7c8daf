import { zipSync } from 'fflate';
import { expect, test } from 'vitest';
import { textFilesOf } from '../../../src/studio/texts/textFiles.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const pathsOf = async (...paths: string[]): Promise<string[]> =>
  (await textFilesOf(paths.map((path) => ({ path, bytes: bytes('x') })))).map(({ path }) => path);

test('what a data set says of itself is no text', async () => {
  expect(await pathsOf('train/data-00000-of-00001.arrow', 'train/state.json', 'train/dataset_info.json', 'dataset_dict.json')).toEqual([
    'train/data-00000-of-00001.arrow',
  ]);
  expect(await pathsOf('state.json', 'a.jsonl', '.gitattributes')).toEqual(['state.json', 'a.jsonl']);
});

test.each(['[Content_Types].xml', 'mimetype'])('a document of another program is refused with the cure: %s', async (entry) => {
  const document = zipSync({ [entry]: bytes('x'), 'word/document.xml': bytes('<w:t>some text</w:t>') });
  await expect(textFilesOf([{ path: 'a.docx', bytes: document }])).rejects.toThrow(
    'a.docx: expected text, got a document of an office program or an e-book. Save it as plain text, or a sheet as CSV.',
  );
});
