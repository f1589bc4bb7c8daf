import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { METHODS } from '../../src/studio/methods/registry.ts';
import { MODE_TRAITS, MODES } from '../../src/studio/settings/modes.ts';

const SRC = new URL('../../src/', import.meta.url).pathname;
/** The folders that know methods by their names. */
const HOMES = ['studio/methods/', 'studio/settings/'];

function sources(): string[] {
  return readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(
    (path) => /\.tsx?$/.test(path) && !HOMES.some((home) => path.startsWith(home)),
  );
}

/** Lines that name a method, or ask which one it is. The start `calibrated` of a baseline is a setting's value, not a method. */
function asking(text: string): string[] {
  const names = MODES.filter((mode) => mode !== 'calibrated').join('|');
  const named = new RegExp(`'(?:${names})'|"(?:${names})"|\\bmode\\s*[!=]==?|[!=]==?\\s*(?:\\w+\\.)*mode\\b|switch \\((?:\\w+\\.)*mode\\)`);
  return text.split('\n').filter((line) => named.test(line) && !/^\s*(?:\*|\/\/|\/\*\*)/.test(line));
}

test('no file but the methods and their table asks which method a recipe has', () => {
  expect(asking("if (recipe.mode === 'x') {}")).toHaveLength(1);
  expect(asking("const words = ['paper'];")).toHaveLength(1);
  const found = sources().flatMap((path) => asking(readFileSync(join(SRC, path), 'utf8')).map((line) => `${path}: ${line.trim()}`));
  expect(found).toEqual([]);
  expect(sources().length).toBeGreaterThan(300);
});

test('every method has a row in the table, and every row a method', () => {
  expect(METHODS.map(({ name }) => name)).toEqual(MODES);
  // Only what is merged from compactors can have a decoder with a compactor of its own.
  for (const method of METHODS) if (MODE_TRAITS[method.name]?.ownDecoder === true) expect('merged' in method, method.name).toBe(true);
});
