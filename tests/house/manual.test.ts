import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'RELEASING.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => `docs/${path}`),
];

test.each(PAGES)('%s: links and files that it names exist', (page) => {
  const text = read(page);
  const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map(([, path = '']) => join(dirname(page), path));
  // Paths in code marks; with a star or a placeholder they name a family.
  const named = [...text.matchAll(/`((?:src|tests|docs|scripts|workers|public)\/[\w./-]+)`/g)].map(([, path = '']) => path);
  expect([...links, ...named].filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

test('every npm command that the manual names exists', () => {
  const scripts: unknown = JSON.parse(read('package.json'));
  const commands = new Set(PAGES.flatMap((page) => [...read(page).matchAll(/npm run (?:-s )?([\w-]+)/g)].map(([, name = '']) => name)));
  expect(commands.size).toBeGreaterThan(4);
  for (const name of commands) expect(scripts).toHaveProperty(['scripts', name]);
});

test('the table of docs/architecture.md is the one that the linter enforces', () => {
  const ROOMS = 'tensor formats text graph engines models tasks wid training analysis export studio state ui cli'.split(' ');
  // The second table is of the rooms inside studio/, which tests/house/importTable.test.ts holds.
  const [table = ''] = read('docs/architecture.md').split('| `settings` |');
  const rows = [...table.matchAll(/^\| `(\w+)` \| .+ \| (.+) \|$/gm)];
  expect(rows.map(([, room]) => room)).toEqual(ROOMS);
  const lint = read('.oxlintrc.json');
  for (const [, room = '', allowed = ''] of rows) {
    const may = new Set((allowed.split(';')[0] ?? '').split(', '));
    const refused = ROOMS.filter((name) => name !== room && !may.has(name));
    // engines and studio are refused by patterns of their own where a type may come from them.
    const typed = allowed.includes('engines/engine.ts') ? 'engines' : allowed.includes('studio/studioApi.ts') ? 'studio' : '';
    const pattern = `/(${refused.filter((name) => name !== typed).join('|')})/`;
    const block = lint.slice(lint.indexOf(`"src/${room}/**"`));
    expect(block.slice(0, block.indexOf('"files"') === -1 ? undefined : block.indexOf('"files"')), room).toContain(pattern);
  }
});
