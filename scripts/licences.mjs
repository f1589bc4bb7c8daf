// `npm run licences`: the licence of every package that ships, from the installed packages; fails on one not known to be free to ship.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { main, ROOT } from './setup.mjs';

/** Permissive licences, whose one duty is to name the authors. */
const KNOWN = new Set([
  'MIT',
  'ISC',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'Unlicense',
  'Zlib',
]);

/** @returns {{ name: string, version: string, licence: string, known: boolean }[]} the production dependencies that are installed, by name */
export function productionLicences() {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  return Object.entries(lock.packages)
    .filter(([place, entry]) => place !== '' && !entry.dev && !entry.devOptional)
    .flatMap(([place]) => {
      const file = join(ROOT, place, 'package.json');
      // A binary for another platform.
      if (!existsSync(file)) return [];
      const { name, version, license } = JSON.parse(readFileSync(file, 'utf8'));
      const licence = typeof license === 'string' ? license : (license?.type ?? 'none named');
      // "(MIT AND Zlib)", "MIT OR Apache-2.0": every part must be known.
      const known = licence.split(/[()\s]+|AND|OR/).every((part) => part === '' || KNOWN.has(part));
      return [{ name, version, licence, known }];
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  await main(() => {
    const packages = productionLicences();
    for (const { name, version, licence } of packages) console.log(`${`${name}@${version}`.padEnd(48)}${licence}`);
    const unknown = packages.filter(({ known }) => !known);
    if (unknown.length > 0)
      throw new Error(
        `licences: ${unknown.map(({ name, licence }) => `${name} (${licence})`).join(', ')} not known. Read it, then add it or drop the package.`,
      );
    console.log(`${packages.length} packages, every licence known.`);
  });
