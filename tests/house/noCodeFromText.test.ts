import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

test('no source makes code out of text', () => {
  const files = ['src', 'workers'].flatMap((folder) =>
    readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.tsx?$/.test(path))
      .map((path) => `${folder}/${path}`),
  );
  expect(files.length).toBeGreaterThan(50);
  expect(files.filter((path) => /\beval\(|\bnew Function\b/.test(readFileSync(`${ROOT}${path}`, 'utf8')))).toEqual([]);
});
