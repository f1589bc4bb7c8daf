import { describe, expect, test } from 'vitest';
import { createTokenizer } from '../../src/text/tokenizer.ts';
import { mergeTokenizerFiles } from '../../src/text/tokenizerFiles.ts';
import { cutChoice, cutTokenizer, keptTokens } from '../../src/text/tokenizing/cutVocabulary.ts';
import { readStoredIds, storedTokenizer } from './pythonIds/stored.ts';

const stored = readStoredIds();
const KINDS = Object.entries(stored.kinds).filter(([name]) => /^(?:WordPiece|WordLevel|BPE|Unigram)/.test(name));
/** Lines whose tokens are counted; the others meet tokens that went. */
const COUNTED = 400;

describe('a cut vocabulary gives the same tokens where none is missing', () => {
  test.each(KINDS)('%s', (_, { tokenizer, ids }) => {
    const tokenizerJson = storedTokenizer(stored, tokenizer);
    const whole = createTokenizer({ tokenizerJson });
    const { json } = mergeTokenizerFiles({ tokenizerJson });
    const choice = cutChoice(json, Object.values<number>({ ...whole.special }), whole.vocabularySize);
    const counts = new Float64Array(whole.vocabularySize);
    for (const line of ids.slice(0, COUNTED)) for (const id of line) counts[id] = (counts[id] ?? 0) + 1;
    const size = Math.floor((choice.needed.size + whole.vocabularySize) / 2);
    expect(size).toBeLessThan(whole.vocabularySize);
    const kept = keptTokens(choice, counts, size);
    expect(kept.length).toBeLessThanOrEqual(size);
    expect(kept.length).toBeGreaterThan(size - 20);

    const cut = createTokenizer({ tokenizerJson: JSON.stringify(cutTokenizer(json, kept)) });
    expect(cut.vocabularySize).toBe(kept.length);
    const stays = new Set(kept);
    for (const [role, id] of Object.entries<number>({ ...whole.special }))
      if (id >= 0) expect(Object.entries<number>({ ...cut.special })).toContainEqual([role, kept.indexOf(id)]);
    let [same, other] = [0, 0];
    const differing = stored.lines.flatMap((line, at) => {
      const before = ids[at] ?? [];
      const after = cut.encode(line);
      if (after.some((id) => kept[id] === undefined)) return [{ line, problem: 'an id that is none' }];
      if (!before.every((id) => stays.has(id))) {
        other += 1;
        return before.length > 0 && after.length === 0 ? [{ line, problem: 'nothing is left' }] : [];
      }
      same += 1;
      return after.map((id) => kept[id]).join() === before.join() ? [] : [{ line, problem: `${before.join()} became ${after.join()}` }];
    });
    expect(differing).toEqual([]);
    expect(same).toBeGreaterThan(500);
    expect(other).toBeGreaterThan(50);
  });
});
