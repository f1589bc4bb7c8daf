import { zipSync, type Zippable } from 'fflate';

/** Files under one top folder, stored: weights do not compress. */
export function writeZip(folder: string, files: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const entries: Zippable = {};
  for (const [path, bytes] of files) entries[`${folder}/${path}`] = [bytes, { level: 0 }];
  return zipSync(entries);
}
