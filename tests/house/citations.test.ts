import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ROOMS = ['src', 'workers', 'tests', 'bench', 'scripts', 'cluster'];
const SOURCES = /\.(?:ts|tsx|mjs|mts|css|wgsl|py)$/;
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

function filesIn(room: string, ending: RegExp): string[] {
  return readdirSync(join(ROOT, room), { recursive: true, encoding: 'utf8' })
    .filter((path) => ending.test(path))
    .map((path) => `${room}/${path}`);
}

/** Everything that comments of a source file say, one comment a line: a citation may run over the end of a line. */
function commentsOf(path: string): string {
  const text = read(path).replaceAll(/\n[ \t]*(?:\*(?!\/)|\/\/|#)[ \t]*/g, ' ');
  return [...text.matchAll(/\/\*.*?\*\/|(?:\/\/|# )[^\n]*/gs)].map(([comment]) => comment.replaceAll('\n', ' ')).join('\n');
}

interface Citation {
  readonly where: string;
  readonly document: string;
  /** As in `5` or `5.3`; of a range its first and last. */
  readonly sections: readonly string[];
  /** A heading or term inside the section, as in `section 2, Depth)`. */
  readonly term: string | undefined;
}

/** A path ends with `.md`; names alone, as in a list of endings or of files that a run writes, cite nothing. */
const CITED =
  /(?<document>[\w-]+(?:\/[\w-]+)*\/[\w-]+\.md)(?: sections? (?<from>\d+(?:\.\d+)?)(?: (?:to|and) (?<to>\d+(?:\.\d+)?))?(?:, (?<term>[\w -]+)\))?)?/g;

const CITATIONS = ROOMS.flatMap((room) => filesIn(room, SOURCES)).flatMap((where) =>
  [...commentsOf(where).matchAll(CITED)].map(({ groups }): Citation => {
    const { document = '', from, to, term } = groups ?? {};
    return { where, document, sections: [from, to].filter((section) => section !== undefined), term };
  }),
);

/** The text of a numbered section: `5` is a heading, `5.3` the third point of its list. */
function sectionOf(document: string, section: string): string | undefined {
  const [chapter = '', point] = section.split('.');
  const body = read(document)
    .split(/^(?=## )/m)
    .find((part) => part.startsWith(`## ${chapter}.`));
  return point === undefined ? body : body?.split('\n').find((line) => line.startsWith(`${point}. `));
}

function faultOf({ where, document, sections, term }: Citation): string | undefined {
  if (!existsSync(join(ROOT, document))) return `${where}: ${document} does not exist`;
  const found = sections.map((section) => sectionOf(document, section));
  const missing = sections.filter((_, at) => found[at] === undefined);
  if (missing.length > 0) return `${where}: ${document} has no section ${missing.join(', ')}`;
  // "the default" and the like say which part is meant in words of their own.
  const named = term?.startsWith('the ') === true ? undefined : term?.toLowerCase();
  if (named !== undefined && !found.some((text) => text?.toLowerCase().includes(named)))
    return `${where}: ${document} section ${sections.join(', ')} says nothing of ${named}`;
  return undefined;
}

test('every document and section that a comment cites exists', () => {
  expect(CITATIONS.length).toBeGreaterThan(40);
  expect(CITATIONS.filter(({ sections }) => sections.length > 0).length).toBeGreaterThan(25);
  expect(CITATIONS.map(faultOf).filter((fault) => fault !== undefined)).toEqual([]);
});

test('the check meets a document, a section and a term that are not there', () => {
  const cite = (document: string, section?: string, term?: string): string | undefined =>
    faultOf({ where: 'here', document, sections: section === undefined ? [] : [section], term });
  expect(cite('docs/wid.md')).toBe('here: docs/wid.md does not exist');
  expect(cite('docs/method.md', '99')).toBe('here: docs/method.md has no section 99');
  expect(cite('docs/method.md', '5.9')).toBe('here: docs/method.md has no section 5.9');
  expect(cite('docs/method.md', '2', 'tea leaves')).toBe('here: docs/method.md section 2 says nothing of tea leaves');
  expect(cite('docs/method.md', '2', 'Depth')).toBeUndefined();
});

/** As GitHub makes the anchor of a heading. */
function anchorsOf(markdown: string): Set<string> {
  return new Set(
    [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\w\s-]/g, '')
        .trim()
        .replaceAll(' ', '-'),
    ),
  );
}

const PAGES = ['README.md', 'CONTRIBUTING.md', 'RELEASING.md', 'CHANGELOG.md', ...filesIn('docs', /\.md$/)];

test.each(PAGES)('%s: every document, section and heading that it cites exists', (page) => {
  const text = read(page);
  const faults = [
    ...text.matchAll(/\]\((?!https?:)(?<path>[^)#\s]*)(?:#(?<anchor>[^)]*))?\)(?: sections? (?<section>\d+(?:\.\d+)?))?/g),
  ].flatMap(({ groups }) => {
    const { path = '', anchor, section } = groups ?? {};
    const document = path === '' ? page : join(dirname(page), path);
    if (!existsSync(join(ROOT, document))) return [`${document} does not exist`];
    if (anchor !== undefined && !anchorsOf(read(document)).has(anchor)) return [`${document} has no heading #${anchor}`];
    if (section !== undefined && sectionOf(document, section) === undefined) return [`${document} has no section ${section}`];
    return [];
  });
  expect(faults).toEqual([]);
});
