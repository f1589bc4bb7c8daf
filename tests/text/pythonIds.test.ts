import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { createTokenizer } from '../../src/text/tokenizer.ts';

// The ids of Python's tokenizers (the Rust library), as tests/text/pythonIds/make_ids.py made them: see versions in the file.

interface Stored {
  readonly versions: Readonly<Record<string, string>>;
  readonly charsmaps: Readonly<Record<string, string>>;
  readonly lines: readonly string[];
  readonly kinds: Readonly<Record<string, { readonly tokenizer: object; readonly specials: readonly string[]; readonly ids: number[][] }>>;
}

function readStored(): Stored {
  const parsed: unknown = JSON.parse(gunzipSync(readFileSync('tests/text/pythonIds/ids.json.gz')).toString('utf8'));
  const isStored = (value: unknown): value is Stored => typeof value === 'object' && value !== null && 'kinds' in value;
  if (!isStored(parsed)) throw new Error('ids.json.gz: make it anew with make_ids.py');
  return parsed;
}
const stored = readStored();

test('the lines are of a known version, and many', () => {
  expect(stored.versions['tokenizers']).toBe('0.23.3');
  expect(stored.lines).toHaveLength(2000);
  for (const kind of ['WordPiece', 'WordLevel', 'BPE', 'Unigram'])
    expect(Object.entries(stored.kinds).filter(([name, { ids }]) => name.startsWith(kind) && ids.length === 2000).length).toBeGreaterThan(
      1,
    );
});

describe('ids are those of the Rust library', () => {
  test.each(Object.entries(stored.kinds))('%s', (_, { tokenizer, ids }) => {
    const tokenizerJson = JSON.stringify(tokenizer).replaceAll(
      /charsmap:(?<name>\w+)/g,
      (_all, name: string) => stored.charsmaps[name] ?? '',
    );
    const ours = createTokenizer({ tokenizerJson });
    const shown = (some: readonly number[]): string[] => some.map((id) => ours.token(id));
    const differing = stored.lines.slice(0, ids.length).flatMap((line, at) => {
      const own = ours.encode(line);
      return own.join() === ids[at]?.join() ? [] : [{ line, ours: shown(own), theirs: shown(ids[at] ?? []) }];
    });
    expect(differing).toEqual([]);
  });
});
