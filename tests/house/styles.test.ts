import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const STYLES = join(ROOT, 'src/ui/styles');
const SHEETS = readdirSync(STYLES).filter((name) => name.endsWith('.css'));

/** Selectors of a sheet: what stands before a brace, without at-rules. */
function selectorsOf(sheet: string): string {
  const text = readFileSync(join(STYLES, sheet), 'utf8').replaceAll(/\/\*.*?\*\//gs, '');
  return [...text.matchAll(/(?<=^|[{};])[^{};]+(?=\{)/g)]
    .map(([selector]) => selector.trim())
    .filter((selector) => !selector.startsWith('@'))
    .join('\n');
}

const WRITTEN = ['src/ui', 'src/state']
  .flatMap((room) =>
    readdirSync(join(ROOT, room), { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.tsx?$/.test(path))
      .map((path) => readFileSync(join(ROOT, room, path), 'utf8')),
  )
  .concat(readFileSync(join(ROOT, 'index.html'), 'utf8'))
  .join('\n');

test('every class and id that a style sheet names stands somewhere in the page', () => {
  const names = SHEETS.flatMap((sheet) =>
    [...selectorsOf(sheet).matchAll(/[.#](?<name>[a-z][\w-]*)/gi)].map(({ groups }) => groups?.['name'] ?? ''),
  );
  expect(new Set(names).size).toBeGreaterThan(100);
  expect([...new Set(names)].filter((name) => !new RegExp(`(?<![\\w-])${name}(?![\\w-])`).test(WRITTEN))).toEqual([]);
});

test('the page takes every style sheet', () => {
  const main = readFileSync(join(ROOT, 'src/main.tsx'), 'utf8');
  expect(SHEETS.filter((sheet) => !main.includes(`'./ui/styles/${sheet}'`))).toEqual([]);
});
