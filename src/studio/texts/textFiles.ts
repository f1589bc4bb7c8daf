import { openZip } from '../../formats/zip.ts';
import { openBytes, type ByteSource } from '../../tensor/byteSource.ts';
import { shownName } from '../../tensor/shown.ts';
import { TextError, type TextFile } from '../../text/textFile.ts';
import type { GivenFile } from '../api/files.ts';

/** What file managers and archivers leave beside a user's files, and what data sets say of themselves. */
const LITTER = /(^|\/)(__MACOSX\/|\.DS_Store$|Thumbs\.db$|desktop\.ini$|\._|\.git(attributes|ignore)$|dataset_(info|infos|dict)\.json$)/;
/** Beside one of a data set's tables; alone, it may be anyone's. */
const STATE = /(^|\/)state\.json$/;
const TABLE = /\.arrow$|(^|\/)dataset_info\.json$/;

/**
 * Given files as texts to read, none of them read yet; zips, told by their content, as the files in them.
 * @throws TextError if a zip is a document of another program, or holds another zip; ZipError if one is damaged or means harm
 */
export async function textFilesOf(files: readonly GivenFile[]): Promise<TextFile[]> {
  const texts: TextFile[] = [];
  const isLitter = litterOf(files.map(({ path }) => path));
  for (const given of files) {
    const path = shownName(given.path);
    const source = openBytes(given.bytes);
    if (isLitter(path)) continue;
    if (!(await isZip(source))) {
      texts.push({ path, ...source });
      continue;
    }
    const entries = await openZip(source);
    if (entries.has('[Content_Types].xml') || entries.has('mimetype'))
      throw new TextError(
        path,
        'expected text, got a document of an office program or an e-book. Save it as plain text, or a sheet as CSV.',
      );
    const isInnerLitter = litterOf([...entries.keys()]);
    for (const [name, inner] of entries) {
      if (isInnerLitter(name)) continue;
      const inside = `${path}/${shownName(name)}`;
      if (await isZip(inner)) throw new TextError(inside, 'expected text in the zip, got another zip. Unpack it and give the files.');
      texts.push({ path: inside, ...inner });
    }
  }
  return texts;
}

function litterOf(paths: readonly string[]): (path: string) => boolean {
  const hasTable = paths.some((path) => TABLE.test(path));
  return (path) => LITTER.test(path) || (hasTable && STATE.test(path));
}

async function isZip(source: ByteSource): Promise<boolean> {
  const head = await source.read(0, Math.min(4, source.size));
  return head[0] === 0x50 && head[1] === 0x4b && head[2] === 0x03 && head[3] === 0x04;
}
