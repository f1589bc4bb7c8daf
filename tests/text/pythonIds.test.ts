import { describe, expect, test } from 'vitest';
import { createTokenizer } from '../../src/text/tokenizer.ts';
import { readStoredIds, storedTokenizer } from './pythonIds/stored.ts';

// The ids of Python's tokenizers (the Rust library), as tests/text/pythonIds/make_ids.py made them: see versions in the file.

const stored = readStoredIds();

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
    const ours = createTokenizer({ tokenizerJson: storedTokenizer(stored, tokenizer) });
    const shown = (some: readonly number[]): string[] => some.map((id) => ours.token(id));
    const differing = stored.lines.slice(0, ids.length).flatMap((line, at) => {
      const own = ours.encode(line);
      return own.join() === ids[at]?.join() ? [] : [{ line, ours: shown(own), theirs: shown(ids[at] ?? []) }];
    });
    expect(differing).toEqual([]);
  });
});
