import { readZip } from '../formats/zip.ts';
import { TextError, textFileOf, type TextFile } from '../text/textFile.ts';
import type { GivenFile } from './studioApi.ts';

/** A zip of texts is unpacked in memory. */
const LARGEST_ZIP = 2 ** 30;
/** What file managers and archivers leave beside a user's files. */
const LITTER = /(^|\/)(__MACOSX\/|\.DS_Store$|Thumbs\.db$|desktop\.ini$|\._)/;

/**
 * Given files as texts to read; zips, told by their content, as the files in them.
 * @throws TextError if a zip is larger than fits into memory or holds another zip
 */
export async function textFilesOf(files: readonly GivenFile[]): Promise<TextFile[]> {
  const texts: TextFile[] = [];
  for (const given of files) {
    const file = textFileOf(given.path, given.bytes);
    if (LITTER.test(file.path)) continue;
    if (!(await isZip(file))) {
      texts.push(file);
      continue;
    }
    if (file.size > LARGEST_ZIP)
      throw new TextError(
        file.path,
        `expected a zip of at most ${LARGEST_ZIP / 2 ** 20} MiB, got ${file.size} bytes. Unpack it and give the files.`,
      );
    for (const [path, bytes] of readZip(await file.read(0, file.size))) {
      const inner = textFileOf(`${file.path}/${path}`, bytes);
      if (LITTER.test(path)) continue;
      if (await isZip(inner)) throw new TextError(inner.path, 'expected text in the zip, got another zip. Unpack it and give the files.');
      texts.push(inner);
    }
  }
  return texts;
}

async function isZip(file: TextFile): Promise<boolean> {
  const head = await file.read(0, Math.min(4, file.size));
  return head[0] === 0x50 && head[1] === 0x4b && head[2] === 0x03 && head[3] === 0x04;
}
