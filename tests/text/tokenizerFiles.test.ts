import { describe, expect, test } from 'vitest';
import { createTokenizer, withinTable } from '../../src/text/tokenizer.ts';
import { mergeTokenizerFiles, type TokenizerTexts } from '../../src/text/tokenizerFiles.ts';
import { readStoredIds, storedTokenizer } from './pythonIds/stored.ts';

// What these say was compared with transformers 5.24 and tokenizers 0.23, folder by folder and character by character.

const SPECIALS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const WORDS = [...SPECIALS, 'the', 'cat', 'The', 'größe', 'ο', '##δ', '##ο', '##σ', '##ς', '𠀀', '!', '1', '2', '12', 'a', 'b', '##b'];
const idsOf = (words: readonly string[]): Record<string, number> => Object.fromEntries(words.map((word, id) => [word, id]));
const tokensOf = (texts: TokenizerTexts, text: string): string[] => {
  const tokenizer = createTokenizer(texts);
  return tokenizer.encode(text).map((id) => tokenizer.token(id));
};
const BERT = { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true };
const json = (changes: object = {}, words = WORDS): string =>
  JSON.stringify({
    version: '1.0',
    added_tokens: words.slice(0, 5).map((content, id) => ({ id, content, special: true, normalized: false })),
    normalizer: BERT,
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: null,
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: { type: 'WordPiece', unk_token: words[1], continuing_subword_prefix: '##', max_input_chars_per_word: 100, vocab: idsOf(words) },
    ...changes,
  });
const config = (settings: object): string => JSON.stringify(settings);

describe("settings of BERT's classes against tokenizer.json", () => {
  test.each([['BertTokenizer'], ['BertTokenizerFast'], [undefined]])('%s: the settings count, and the user is told', (tokenizerClass) => {
    const texts = { tokenizerJson: json(), tokenizerConfig: config({ tokenizer_class: tokenizerClass, do_lower_case: false }) };
    expect(tokensOf(texts, 'The the')).toEqual(['The', 'the']);
    expect(mergeTokenizerFiles(texts).notes).toEqual([
      "tokenizer_config.json says do_lower_case: false, and tokenizer.json lowercase: true. The former counts, as in Hugging Face's libraries.",
    ]);
  });

  test('accents and Chinese characters go the same way; a class that reads the file leaves it', () => {
    const accents = { tokenizerJson: json(), tokenizerConfig: config({ tokenizer_class: 'BertTokenizer', strip_accents: false }) };
    expect(tokensOf(accents, 'Größe')).toEqual(['größe']);
    expect(tokensOf({ tokenizerJson: json() }, 'Größe')).toEqual(['[UNK]']);
    const generic = {
      tokenizerJson: json(),
      tokenizerConfig: config({ tokenizer_class: 'PreTrainedTokenizerFast', do_lower_case: false }),
    };
    expect(tokensOf(generic, 'The')).toEqual(['the']);
    expect(mergeTokenizerFiles(generic).notes).toEqual([]);
  });
});

describe('tokens that other files add', () => {
  const vocabulary = WORDS.join('\n');
  const size = WORDS.length;

  test('added_tokens.json, whatever their case', () => {
    const texts = { vocabulary, tokenizerConfig: config({ do_lower_case: true }), addedTokens: config({ '[E1]': size, catcat: size + 1 }) };
    expect(tokensOf(texts, '[E1] the CATCAT [e1]')).toEqual(['[E1]', 'the', 'catcat', '[E1]']);
  });

  test('added_tokens_decoder and additional_special_tokens', () => {
    const token = { content: '[E1]', special: true, normalized: false };
    const decoder = config({ do_lower_case: true, added_tokens_decoder: { [size]: token }, additional_special_tokens: ['The'] });
    for (const base of [{ vocabulary }, { tokenizerJson: json() }])
      expect(tokensOf({ ...base, tokenizerConfig: decoder }, 'The [E1] the')).toEqual(['The', '[E1]', 'the']);
  });

  test('added_tokens.json counts only where the settings list no tokens themselves', () => {
    const decoder = { [size]: { content: '[E1]', special: true, normalized: false } };
    const texts = { vocabulary, addedTokens: config({ '[E1]': size, catcat: size + 1 }) };
    expect(tokensOf({ ...texts, tokenizerConfig: config({ added_tokens_decoder: decoder }) }, '[E1] catcat')).not.toContain('catcat');
    expect(tokensOf({ ...texts, tokenizerConfig: config({}) }, '[E1] catcat')).toContain('catcat');
  });

  test('two tokens with one id are refused', () => {
    expect(() => createTokenizer({ vocabulary, addedTokens: config({ '[E1]': 6 }) })).toThrow(
      'added_tokens.json: "[E1]" — expected an id of its own, got 6, which is "cat". Take the files of one tokenizer.',
    );
    expect(() => createTokenizer({ vocabulary, addedTokens: config({ cat: 9 }) })).toThrow('expected id 6, as elsewhere, got 9');
    expect(() => createTokenizer({ vocabulary, addedTokens: config({ far: 2 ** 40 }) })).toThrow('expected an id from 0 on');
    expect(() => createTokenizer({ vocabulary, addedTokens: '[' })).toThrow('added_tokens.json: expected a JSON object');
  });

  test("tokens beyond the model's table are accepted until one is met", () => {
    const texts = { vocabulary, addedTokens: config({ '[E1]': size }) };
    const tokenizer = withinTable(createTokenizer(texts), size);
    expect(tokenizer.vocabularySize).toBe(size);
    expect(tokenizer.encode('the cat')).toEqual([5, 6]);
    expect(() => tokenizer.encode('the [E1]')).toThrow(
      `tokenizer: "[E1]" — expected an id below ${size}, the rows of the model's table of words, got ${size}. Resize the teacher (resize_token_embeddings)`,
    );
    expect(() => withinTable(createTokenizer({ vocabulary }), 4)).toThrow('"[MASK]" — expected an id below 4');
  });
});

describe('special tokens by other names', () => {
  const own = ['<pad>', '<unk>', '<s>', '</s>', '<mask>'];
  const words = [...own, ...WORDS.slice(5)];
  const said = { pad_token: '<pad>', unk_token: '<unk>', cls_token: '<s>', sep_token: '</s>', mask_token: '<mask>' };

  test.each([
    ['tokenizer_config.json', { tokenizerConfig: config(said) }],
    ['its objects', { tokenizerConfig: config(Object.fromEntries(Object.entries(said).map(([key, content]) => [key, { content }]))) }],
    ['special_tokens_map.json', { specialTokensMap: config(said) }],
  ])('%s', (_, files) => {
    for (const base of [{ vocabulary: words.join('\n') }, { tokenizerJson: json({}, words) }]) {
      const tokenizer = createTokenizer({ ...base, ...files });
      expect(tokenizer.special).toEqual({ pad: 0, unknown: 1, classify: 2, separate: 3, mask: 4 });
      expect(tokenizer.encode('the <mask> zzz')).toEqual([5, 4, 1]);
    }
  });

  test("RoBERTa's names need no settings, and a file says which tokens are around a text", () => {
    const special = { pad: 0, unknown: 1, classify: 2, separate: 3, mask: 4 };
    expect(createTokenizer({ vocabulary: words.join('\n') }).special).toEqual(special);
    const renamed = ['[PAD]', '[UNK]', 'BEGIN', 'END', '[MASK]', ...WORDS.slice(5)];
    for (const post_processor of [
      { type: 'BertProcessing', cls: ['BEGIN', 2], sep: ['END', 3] },
      {
        type: 'TemplateProcessing',
        single: [{ SpecialToken: { id: 'BEGIN' } }, { Sequence: { id: 'A' } }, { SpecialToken: { id: 'END' } }],
      },
      { type: 'Sequence', processors: [{ type: 'ByteLevel' }, { type: 'RobertaProcessing', cls: ['BEGIN', 2], sep: ['END', 3] }] },
    ])
      expect(createTokenizer({ tokenizerJson: json({ post_processor }, renamed) }).special).toEqual(special);
  });

  test('without them, what is missing is said with the cure', () => {
    expect(() => createTokenizer({ vocabulary: ['a', 'b', ...WORDS.slice(5)].join('\n') })).toThrow(
      /the vocabulary has no \[UNK\].* If it has another name, say so in tokenizer_config\.json \(mask_token/,
    );
  });
});

describe('kinds that are not read are refused by name', () => {
  const vocabulary = WORDS.join('\n');
  test.each([
    [
      { vocabulary, tokenizerConfig: config({ word_tokenizer_type: 'mecab' }) },
      'got words that mecab (a Japanese analyser such as MeCab) splits',
    ],
    [{ vocabulary, modelClass: 'BertJapaneseTokenizer' }, 'got BertJapaneseTokenizer, which splits words with MeCab'],
    [{ vocabulary, tokenizerConfig: config({ subword_tokenizer_type: 'character' }) }, 'got pieces by character'],
    [
      { vocabulary: [...WORDS, '▁the', '▁cat'].join('\n'), tokenizerConfig: config({ tokenizer_class: 'KoBertTokenizer' }) },
      'got pieces of SentencePiece (▁the) for KoBertTokenizer, which is not read.',
    ],
    [
      { tokenizerJson: json({ model: { type: 'Morphemes', vocab: {} } }) },
      'model.type — expected WordPiece, WordLevel, BPE or Unigram, got "Morphemes"',
    ],
  ])('%#', (texts, sentence) => {
    expect(() => createTokenizer(texts)).toThrow(sentence);
  });

  test('a class that is not known is said', () => {
    const texts = { vocabulary, tokenizerConfig: config({ tokenizer_class: 'SmilesTokenizer' }) };
    expect(mergeTokenizerFiles(texts).notes[0]).toMatch(
      /^SmilesTokenizer is not one of BERT's own tokenizers: vocab\.txt was read as BERT's WordPiece/,
    );
  });
});

describe("rules that a library for JavaScript follows otherwise than Hugging Face's own", () => {
  const rule = (pre_tokenizer: object | null, normalizer: object | null = null): TokenizerTexts => ({
    tokenizerJson: json({ pre_tokenizer, normalizer }),
  });

  test('Whitespace keeps letters of every script in one word', () => {
    expect(tokensOf(rule({ type: 'Whitespace' }), 'the größe cat!')).toEqual(['the', 'größe', 'cat', '!']);
  });

  test('the last sigma of a word is lowered as any other', () => {
    for (const normalizer of [BERT, { type: 'Lowercase' }, { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Lowercase' }] }])
      expect(tokensOf(rule({ type: 'BertPreTokenizer' }, normalizer), 'ΟΔΟΣ ος')).toEqual(['ο', '##δ', '##ο', '##σ', 'ο', '##ς']);
  });

  test('ideographs beyond the first plane are words, and white space is that of Unicode', () => {
    expect(tokensOf({ tokenizerJson: json() }, 'a𠀀b')).toEqual(['a', '𠀀', 'b']);
    expect(tokensOf(rule({ type: 'WhitespaceSplit' }), 'a\u0085b')).toEqual(['a', 'b']);
    expect(tokensOf(rule({ type: 'BertPreTokenizer' }), 'a\u0085b')).toEqual(['a', 'b']);
  });

  test('Punctuation, Digits, Split, FixedLength and CharDelimiterSplit', () => {
    const spaces = { type: 'WhitespaceSplit' };
    const after = (step: object): TokenizerTexts => rule({ type: 'Sequence', pretokenizers: [spaces, step] });
    expect(tokensOf(after({ type: 'Punctuation' }), 'cat!! the')).toEqual(['cat', '!', '!', 'the']);
    expect(tokensOf(after({ type: 'Punctuation', behavior: 'Removed' }), 'cat!! the')).toEqual(['cat', 'the']);
    expect(tokensOf(after({ type: 'Digits', individual_digits: false }), 'a12')).toEqual(['a', '12']);
    expect(tokensOf(after({ type: 'Digits', individual_digits: true }), 'a12')).toEqual(['a', '1', '2']);
    const letters = { pattern: { Regex: '[a-z]+' }, behavior: 'Isolated', invert: true };
    expect(tokensOf(after({ type: 'Split', ...letters }), 'cat12')).toEqual(['cat', '12']);
    expect(tokensOf(rule({ type: 'Split', pattern: { String: ' ' }, behavior: 'Removed', invert: false }), 'a the')).toEqual(['a', 'the']);
    expect(tokensOf(after({ type: 'FixedLength', length: 1 }), 'a𠀀b')).toEqual(['a', '𠀀', 'b']);
    expect(tokensOf(after({ type: 'CharDelimiterSplit', delimiter: '.' }), 'a.the')).toEqual(['a', 'the']);
  });

  test('a dollar in a replacement is a dollar', () => {
    const replace = { type: 'Replace', pattern: { String: '!' }, content: '$&' };
    expect(createTokenizer(rule({ type: 'WhitespaceSplit' }, replace)).encode('!')).toEqual([1]);
  });

  test.each([
    [{ pre_tokenizer: { type: 'UnicodeScripts' } }, 'pre_tokenizer — expected a rule that is read, got "UnicodeScripts"'],
    [{ normalizer: { type: 'Precompiled', precompiled_charsmap: 'AAA=' } }, 'normalizer, Precompiled — expected a map of characters'],
    [{ pre_tokenizer: { type: 'Punctuation', behavior: 'Sideways' } }, 'pre_tokenizer, Punctuation — expected behavior'],
    [{ pre_tokenizer: { type: 'Metaspace', prepend_scheme: 'last' } }, 'pre_tokenizer, Metaspace — expected prepend_scheme'],
    [
      {
        model: {
          type: 'Unigram',
          vocab: [
            ['[UNK]', 0],
            ['a', -1],
          ],
        },
      },
      'model.unk_id — expected an id from 0 to 1',
    ],
    [
      { model: { type: 'BPE', unk_token: '[UNK]', vocab: idsOf(WORDS), merges: [['a', 'zz']] } },
      'model.merges — expected tokens of the vocabulary, got "zz"',
    ],
    [{ model: { type: 'BPE', dropout: 0.1, vocab: idsOf(WORDS), merges: [] } }, 'model.dropout — expected none'],
  ])('what cannot be followed is refused: %j', (changes, sentence) => {
    expect(() => createTokenizer({ tokenizerJson: json(changes) })).toThrow(sentence);
  });
});

describe('vocab.json and merges.txt alone', () => {
  const stored = readStoredIds();
  const kind = stored.kinds['BPE, ByteLevel'];
  const parsed: unknown = JSON.parse(storedTokenizer(stored, kind?.tokenizer ?? {}));
  const { vocab, merges } = modelOf(parsed);
  const files = { tokenIds: JSON.stringify(vocab), merges: `#version: 0.2\n${merges.map((pair) => pair.join(' ')).join('\n')}\n` };

  test("are RoBERTa's byte-level BPE, on all stored lines", () => {
    const tokenizer = createTokenizer({ ...files, tokenizerConfig: config({ tokenizer_class: 'RobertaTokenizer' }) });
    expect(tokenizer.special).toEqual({ pad: 1, unknown: 3, classify: 0, separate: 2, mask: 4 });
    // Of the stored kind the mask takes the space before it, which transformers 5.24 does only if a file says so.
    const lines = stored.lines.flatMap((line, at) => (line.includes('<mask>') ? [] : [{ line, ids: kind?.ids[at] }]));
    expect(lines.length).toBeGreaterThan(1900);
    expect(lines.filter(({ line, ids }) => tokenizer.encode(line).join() !== ids?.join())).toEqual([]);
    expect(tokenizer.encode('a <mask>').map((id) => tokenizer.token(id))).toEqual(['a', 'Ġ', '<mask>']);
  });

  test('a class of other rules is told; one file without the other, or a damaged one, is refused', () => {
    const other = mergeTokenizerFiles({ ...files, tokenizerConfig: config({ tokenizer_class: 'XLMTokenizer' }) });
    expect(other.notes).toEqual([expect.stringMatching(/^XLMTokenizer is not RoBERTa's tokenizer: vocab\.json and merges\.txt were read/)]);
    expect(() => createTokenizer({ tokenIds: files.tokenIds })).toThrow(
      /vocab\.json with merges\.txt beside the weights, got none of them/,
    );
    expect(() => createTokenizer({ ...files, merges: 'a b c' })).toThrow(/^merges\.txt: expected two pieces .*, got "a b c"/);
    expect(() => createTokenizer({ ...files, tokenIds: '[' })).toThrow(/^vocab\.json: expected a JSON object/);
    expect(() => createTokenizer({ ...files, tokenIds: '{"<s>": -1}' })).toThrow(/^vocab\.json: "<s>" — expected an id from 0 on/);
  });
});

function modelOf(value: unknown): { vocab: object; merges: readonly (readonly string[])[] } {
  const isBpe = (one: unknown): one is { model: { vocab: object; merges: readonly (readonly string[])[] } } =>
    typeof one === 'object' && one !== null && 'model' in one;
  if (!isBpe(value)) throw new Error('ids.json.gz: make it anew with make_ids.py');
  return value.model;
}
