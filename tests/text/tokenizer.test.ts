import { describe, expect, test } from 'vitest';
import { createTokenizer } from '../../src/text/tokenizer.ts';

const SPECIALS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const tokensOf = (texts: Parameters<typeof createTokenizer>[0], text: string): string[] => {
  const tokenizer = createTokenizer(texts);
  return tokenizer.encode(text).map((id) => tokenizer.token(id));
};

describe('vocab.txt alone', () => {
  const uncased = [...SPECIALS, 'the', 'cafe', 'is', 'un', '##known', '中', '文', '.', ','].join('\n');

  test('an uncased vocabulary lowers case, drops accents and splits Chinese characters', () => {
    expect(tokensOf({ vocabulary: uncased }, 'The Café, is unknown中文.')).toEqual([
      'the',
      'cafe',
      ',',
      'is',
      'un',
      '##known',
      '中',
      '文',
      '.',
    ]);
  });

  test('a cased vocabulary is told by its words; tokenizer_config.json has the last word', () => {
    const cased = [...SPECIALS, 'The', 'the', 'Café', 'Paris', '##s'].join('\n');
    expect(tokensOf({ vocabulary: cased }, 'The the Café paris')).toEqual(['The', 'the', 'Café', '[UNK]']);
    expect(tokensOf({ vocabulary: cased, tokenizerConfig: '{"do_lower_case":true}' }, 'The')).toEqual(['the']);
  });

  test('line ends of Windows and a byte order mark do no harm', () => {
    expect(tokensOf({ vocabulary: `\uFEFF${uncased.replaceAll('\n', '\r\n')}\r\n` }, 'the cafe')).toEqual(['the', 'cafe']);
  });

  test('a vocabulary without pieces is of whole words, split at spaces: SMILES', () => {
    const smiles = [...SPECIALS, 'C', 'c', 'Cl', '(', ')', '=', 'O', '[nH]', '1'].join('\n');
    expect(tokensOf({ vocabulary: smiles }, 'C ( = O ) Cl c 1 [nH] Br')).toEqual([
      'C',
      '(',
      '=',
      'O',
      ')',
      'Cl',
      'c',
      '1',
      '[nH]',
      '[UNK]',
    ]);
  });

  test('half a word is no word at word level', () => {
    expect(tokensOf({ vocabulary: [...SPECIALS, 'C', 'Cl'].join('\n') }, 'ClC')).toEqual(['[UNK]']);
  });
});

describe('tokenizer.json', () => {
  const wordLevel = (extra: object = {}): string =>
    JSON.stringify({
      version: '1.0',
      added_tokens: SPECIALS.map((content, id) => ({ id, content, special: true, normalized: false })),
      normalizer: null,
      pre_tokenizer: { type: 'Split', pattern: { Regex: '\\[[^\\]]+\\]|Br|Cl|.' }, behavior: 'Isolated', invert: false },
      post_processor: null,
      decoder: null,
      model: {
        type: 'WordLevel',
        unk_token: '[UNK]',
        vocab: Object.fromEntries([...SPECIALS, 'C', 'Cl', '(', '=', 'O', ')', '##odd', '[nH]'].map((token, id) => [token, id])),
      },
      ...extra,
    });

  test('word level with a rule for splitting reads SMILES as they are written', () => {
    expect(tokensOf({ tokenizerJson: wordLevel() }, 'CC(=O)Cl[nH]N')).toEqual(['C', 'C', '(', '=', 'O', ')', 'Cl', '[nH]', '[UNK]']);
  });

  test('models and rules of other kinds are refused by name', () => {
    expect(() => createTokenizer({ tokenizerJson: wordLevel({ model: { type: 'Morphemes', vocab: {} } }) })).toThrow(
      'model.type — expected WordPiece, WordLevel, BPE or Unigram, got "Morphemes"',
    );
    expect(() => createTokenizer({ tokenizerJson: wordLevel({ pre_tokenizer: { type: 'Novel' } }) })).toThrow(
      'pre_tokenizer — expected a rule that is read, got "Novel"',
    );
  });

  test.each([
    ['{', 'expected a JSON object'],
    ['[]', 'model.vocab — expected a vocabulary'],
    ['{"model":{"type":"WordPiece","vocab":{"a":0}}}', 'the vocabulary has no [UNK]'],
  ])('damage is refused: %s', (tokenizerJson, sentence) => {
    expect(() => createTokenizer({ tokenizerJson })).toThrow(sentence);
    expect(() => createTokenizer({ tokenizerJson })).toThrow(/^tokenizer/);
  });

  test('a vocabulary without [MASK] cannot be trained on', () => {
    expect(() => createTokenizer({ vocabulary: '[PAD]\n[UNK]\n[CLS]\n[SEP]\nword' })).toThrow('the vocabulary has no [MASK]');
  });

  test('an id far away costs no memory', () => {
    const vocab = { '[PAD]': 0, '[UNK]': 1, '[CLS]': 2, '[SEP]': 3, '[MASK]': 4, far: 2 ** 40 };
    expect(() => createTokenizer({ tokenizerJson: wordLevel({ model: { type: 'WordPiece', unk_token: '[UNK]', vocab } }) })).toThrow(
      '"far" — expected an id from 0 on, got 1099511627776',
    );
  });
});
