import { array, assert, constantFrom, letrec, nat, oneof, property, tuple } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { effortOf } from '../../src/text/regexEffort.ts';
import { createTokenizer } from '../../src/text/tokenizer.ts';
import { slowness, work } from '../pace.ts';

const SPECIALS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const SMILES = String.raw`(\[[^\]]+]|Br?|Cl?|N|O|S|P|F|I|b|c|n|o|s|p|\(|\)|\.|=|#|-|\+|\\|\/|:|~|@|\?|>>?|\*|\$|\%[0-9]{2}|[0-9])`;

/** A tokenizer of single letters. */
function tokenizerJson(more: object): string {
  return JSON.stringify({
    version: '1.0',
    added_tokens: SPECIALS.map((content, id) => ({ id, content, special: true, normalized: false })),
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    model: {
      type: 'WordLevel',
      unk_token: '[UNK]',
      vocab: Object.fromEntries([...SPECIALS, 'a', 'b', 'c', 'C'].map((token, id) => [token, id])),
    },
    ...more,
  });
}

const split = (Regex: string): object => ({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false });
const replace = (pattern: object, content: string): object => ({ type: 'Replace', pattern, content });
const make = (more: object): ReturnType<typeof createTokenizer> => createTokenizer({ tokenizerJson: tokenizerJson(more) });

describe('expressions that could take for ever are refused by name before they are run', () => {
  test.each([
    ['(a+)+$', /choices within a repetition/],
    ['(a|a)*$', /choices within a repetition/],
    ['(?:a?){40}a{40}', /choices within a repetition/],
    ['(a|b|ab)*c', /choices within a repetition/],
    ['(?i:(x+x+)+y)', /choices within a repetition/],
    [String.raw`(?:[[:alpha:]]+\s?)+$`, /choices within a repetition/],
    ['a*a*a*a*a*b', /several repetitions one after another/],
    [String.raw`(a+)b\1+\1c`, /several repetitions|choices within/],
    ['(?=a*a*b)a', /several repetitions one after another/],
  ])('%s', (expression, reason) => {
    const rule = /^tokenizer\.json: the expression .+ — expected one that is matched in bounded time.*Take the teacher's original file/s;
    for (const more of [
      { pre_tokenizer: split(expression) },
      { pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'BertPreTokenizer' }, split(expression)] } },
      { normalizer: { type: 'Sequence', normalizers: [{ type: 'Lowercase' }, replace({ Regex: expression }, '')] } },
      { decoder: replace({ Regex: expression }, '') },
    ]) {
      expect(() => make(more)).toThrow(rule);
      expect(() => make(more)).toThrow(reason);
    }
  });
});

test.each([
  SMILES,
  String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
  String.raw`\b\w+\b|[[:punct:]]`,
  ' {2,}',
  '(?:ab)+',
  '[A-Z][a-z]*|[0-9]{1,3}',
])('expressions of tokenizers that are in use are taken: %s', (expression) => {
  expect(make({ pre_tokenizer: split(expression) }).encode('abab C').length).toBeGreaterThan(0);
});

describe('other rules that could take for ever, or all memory, are refused', () => {
  test.each([
    [{ pre_tokenizer: { type: 'FixedLength', length: 0 } }, /FixedLength — expected a length of 1 or more, got 0/],
    [
      { normalizer: { type: 'Sequence', normalizers: Array.from({ length: 5 }, () => replace({ Regex: '' }, 'aaaa')) } },
      /at most 16 times longer, got up to 3125/,
    ],
    [
      { normalizer: { type: 'Sequence', normalizers: Array.from({ length: 60 }, () => ({ type: 'Lowercase' })) } },
      /normalizer — expected at most 50 steps, got more/,
    ],
    [{ normalizer: replace({ Regex: 'a'.repeat(5000) }, '') }, /Regex — expected at most 4096 characters, got 5000/],
    [
      { added_tokens: [{ id: 9, content: 'a'.repeat(1e6), special: true }] },
      /added token a+.* — expected at most 256 characters, got 1000000/,
    ],
    [
      { model: { type: 'WordPiece', unk_token: '[UNK]', max_input_chars_per_word: 1e9, vocab: { '[UNK]': 0 } } },
      /max_input_chars_per_word — expected at most 256, got 1000000000/,
    ],
  ])('%#', (more, message) => {
    expect(() => make(more)).toThrow(message);
  });
});

/** Small expressions of all sorts over a and b. */
const EXPRESSIONS = letrec<{ any: string; atom: string; part: string }>((tie) => ({
  atom: oneof(
    { maxDepth: 3 },
    constantFrom('a', 'b', '.', '[ab]', '[^b]'),
    tie('any').map((inner) => `(?:${inner})`),
  ),
  part: oneof(
    tie('atom'),
    tuple(tie('atom'), constantFrom('*', '+', '?', '*?', '+?', '{0,3}', '{2}', '{1,}')).map(([atom, times]) => `${atom}${times}`),
    tie('any').map((inner) => `(?=${inner})`),
  ),
  any: array(array(tie('part'), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 2 }).map((ways) =>
    ways.map((parts) => parts.join('')).join('|'),
  ),
})).any;

test('what is taken is quick on the texts that hurt most', { timeout: 120_000 }, () => {
  // A piece of the longest length takes half a second at the very worst.
  const most = 500 * slowness(work());
  let [taken, refused] = [0, 0];
  assert(
    property(EXPRESSIONS, nat(3), (expression, tail) => {
      const { loops, paths } = effortOf(new RegExp(expression, 'u'));
      if (loops > 1 || paths > 1000) {
        refused += 1;
        return;
      }
      taken += 1;
      const text = ['a', 'ab', 'aab', 'b'][tail]?.repeat(1000) ?? '';
      const begun = performance.now();
      text.replaceAll(new RegExp(`(?:${expression})c`, 'gu'), '');
      text.replaceAll(new RegExp(expression, 'gu'), '');
      expect(performance.now() - begun, expression).toBeLessThan(most);
    }),
    { numRuns: 1000 },
  );
  expect(taken).toBeGreaterThan(100);
  expect(refused).toBeGreaterThan(100);
});

test('a long line is handed to expressions in pieces, cut at spaces, and nothing of it is lost', () => {
  const tokenizer = make({ pre_tokenizer: split('a+b|.') });
  const words = 'abc '.repeat(5000);
  const one = tokenizer.encode('abc ');
  expect(tokenizer.encode(words)).toEqual(Array.from({ length: 5000 }, () => one).flat());
  expect(tokenizer.encode('a'.repeat(300_000))).toHaveLength(300_000);
});
