import { openZip } from '../../formats/zip.ts';
import { openBytes, type ByteSource } from '../../tensor/byteSource.ts';
import { shownName } from '../../tensor/shown.ts';
import { TextError, type TextFile } from '../../text/textFile.ts';
import type { GivenFile } from '../api/files.ts';

/** What file managers and archivers leave beside a user's files. */
const LITTER = /(^|\/)(__MACOSX\/|\.DS_Store$|Thumbs\.db$|desktop\.ini$|\._)/;

/**
 * Given files as texts to read, none of them read yet; zips, told by their content, as the files in them.
 * @throws TextError if a zip holds another zip; ZipError if one is damaged or means harm
 */
export async function textFilesOf(files: readonly GivenFile[]): Promise<TextFile[]> {
  const texts: TextFile[] = [];
  for (const given of files) {
    const path = shownName(given.path);
    const source = openBytes(given.bytes);
    if (LITTER.test(path)) continue;
    if (!(await isZip(source))) {
      texts.push({ path, ...source });
      continue;
    }
    for (const [name, inner] of await openZip(source)) {
      if (LITTER.test(name)) continue;
      const inside = `${path}/${shownName(name)}`;
      if (await isZip(inner)) throw new TextError(inside, 'expected text in the zip, got another zip. Unpack it and give the files.');
      texts.push({ path: inside, ...inner });
    }
  }
  return texts;
}

async function isZip(source: ByteSource): Promise<boolean> {
  const head = await source.read(0, Math.min(4, source.size));
  return head[0] === 0x50 && head[1] === 0x4b && head[2] === 0x03 && head[3] === 0x04;
}
