import { describe, expect, test } from 'vitest';
import { tokenizerFolder } from '../../../src/studio/exporting/tokenizerFolder.ts';
import { createTokenizer } from '../../../src/text/tokenizer.ts';
import { givenTeacher, teacherOfWords } from './exportFixture.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const read = (files: ReadonlyMap<string, Uint8Array>, name: string): string => new TextDecoder().decode(files.get(name));
const settingsOf = (files: ReadonlyMap<string, Uint8Array>): unknown => JSON.parse(read(files, 'tokenizer_config.json'));

test('what the teacher lacks is made, and says the same about case, accents and Chinese characters', () => {
  const files = tokenizerFolder(givenTeacher());
  expect([...files.keys()].toSorted()).toEqual(['special_tokens_map.json', 'tokenizer.json', 'tokenizer_config.json', 'vocab.txt']);
  expect(settingsOf(files)).toEqual({
    tokenizer_class: 'BertTokenizer',
    do_lower_case: true,
    strip_accents: null,
    tokenize_chinese_chars: true,
    unk_token: '[UNK]',
    sep_token: '[SEP]',
    pad_token: '[PAD]',
    cls_token: '[CLS]',
    mask_token: '[MASK]',
    model_max_length: 40,
  });
});

test("the teacher's settings stay, but not its paths, its code, or a length that no position has", () => {
  const given = {
    do_lower_case: false,
    tokenizer_class: 'BertTokenizerFast',
    model_max_length: 1e30,
    mask_token: { content: '[MASK]', special: true },
  };
  const elsewhere = { name_or_path: '/home/someone/bert', auto_map: { AutoTokenizer: ['evil.Tokenizer', null] }, tokenizer_file: '/tmp/x' };
  const tokenizerFiles = new Map([
    ...givenTeacher().tokenizerFiles,
    ['tokenizer_config.json', bytes(JSON.stringify({ ...given, ...elsewhere }))],
  ]);
  const files = tokenizerFolder({ ...givenTeacher(), tokenizerFiles });
  expect(settingsOf(files)).toMatchObject({ ...given, model_max_length: 40 });
  expect(read(files, 'tokenizer_config.json')).not.toMatch(/someone|auto_map|evil|tmp/);
  expect(JSON.parse(read(files, 'tokenizer.json'))).toMatchObject({ normalizer: { lowercase: false } });
});

test('vocab.txt made from tokenizer.json gives every id its line', () => {
  const source: unknown = JSON.parse(read(tokenizerFolder(givenTeacher()), 'tokenizer.json'));
  const tokenizerJson = JSON.stringify(source).replace('"##z":56', '"##z":70');
  const teacher = {
    ...givenTeacher(),
    tokenizer: createTokenizer({ tokenizerJson }),
    tokenizerFiles: new Map([['tokenizer.json', bytes(tokenizerJson)]]),
  };
  const lines = read(tokenizerFolder(teacher), 'vocab.txt').trimEnd().split('\n');
  expect(lines).toHaveLength(71);
  expect(new Set(lines).size).toBe(71);
  expect(lines[70]).toBe('##z');
  expect(lines[1]).toBe('[UNK]');
});

test('whole words get the class that leaves them whole', () => {
  expect(settingsOf(tokenizerFolder(teacherOfWords()))).toMatchObject({ tokenizer_class: 'PreTrainedTokenizerFast', mask_token: '[MASK]' });
});

describe('a file that BertTokenizer would not make leaves under the class that reads it', () => {
  const objectOf = (text: string): object => {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  };
  const made = (): object => objectOf(read(tokenizerFolder(givenTeacher()), 'tokenizer.json'));
  const folderOf = (json: object, settings: object = {}): ReadonlyMap<string, Uint8Array> =>
    tokenizerFolder({
      ...givenTeacher(),
      tokenizerFiles: new Map([
        ['tokenizer.json', bytes(JSON.stringify(json))],
        ['tokenizer_config.json', bytes(JSON.stringify({ tokenizer_class: 'BertTokenizer', do_lower_case: false, ...settings }))],
      ]),
    });

  test('what BertTokenizer makes keeps its class', () => {
    expect(settingsOf(folderOf(made(), { do_lower_case: true }))).toMatchObject({ tokenizer_class: 'BertTokenizer', do_lower_case: true });
  });

  test.each([
    ['no normalizer', { normalizer: null }],
    ['a sequence of them', { normalizer: { type: 'Sequence', normalizers: [{ type: 'NFKC' }, { type: 'Lowercase' }] } }],
    [
      'clean_text: false',
      { normalizer: { type: 'BertNormalizer', clean_text: false, handle_chinese_chars: true, strip_accents: null, lowercase: true } },
    ],
    ['no post-processor', { post_processor: null }],
    ['another splitter', { pre_tokenizer: { type: 'Whitespace' } }],
  ])('%s', (_, changes) => {
    const settings = settingsOf(folderOf({ ...made(), ...changes }, { do_basic_tokenize: false, strip_accents: true, clean: 1 }));
    expect(settings).toMatchObject({ tokenizer_class: 'PreTrainedTokenizerFast', mask_token: '[MASK]', clean: 1 });
    for (const key of ['do_lower_case', 'strip_accents', 'do_basic_tokenize']) expect(settings).not.toHaveProperty(key);
  });

  test('another word limit, and added tokens', () => {
    const json = made();
    const shorter = objectOf(JSON.stringify(json).replace('"max_input_chars_per_word":100', '"max_input_chars_per_word":50'));
    expect(settingsOf(folderOf(shorter))).toMatchObject({ tokenizer_class: 'PreTrainedTokenizerFast' });
    const files = tokenizerFolder({
      ...givenTeacher(),
      tokenizerFiles: new Map([...givenTeacher().tokenizerFiles, ['added_tokens.json', bytes('{"[E1]":61}')]]),
    });
    expect(settingsOf(files)).toMatchObject({ tokenizer_class: 'PreTrainedTokenizerFast' });
    expect(files.has('added_tokens.json')).toBe(false);
    expect(read(files, 'tokenizer.json').replace(/\s+/g, '')).toContain('"normalized":true,"special":false,"id":61,"content":"[E1]"}');
  });

  test('settings that went before the rules are in the rules', () => {
    const files = folderOf(made());
    expect(settingsOf(files)).toMatchObject({ tokenizer_class: 'BertTokenizer', do_lower_case: false });
    expect(JSON.parse(read(files, 'tokenizer.json'))).toMatchObject({ normalizer: { lowercase: false } });
  });

  test('special tokens keep their own names', () => {
    const vocabulary = read(givenTeacher().tokenizerFiles, 'vocab.txt').replace('[MASK]', '<mask>').replace('[CLS]', '<s>');
    const files = tokenizerFolder({
      ...givenTeacher(),
      tokenizerFiles: new Map([
        ['vocab.txt', bytes(vocabulary)],
        ['special_tokens_map.json', bytes('{"mask_token":"<mask>","cls_token":{"content":"<s>"},"sep_token":"</s>"}')],
      ]),
    });
    expect(settingsOf(files)).toMatchObject({ tokenizer_class: 'PreTrainedTokenizerFast', mask_token: '<mask>', cls_token: '<s>' });
    expect(JSON.parse(read(files, 'special_tokens_map.json'))).toMatchObject({
      mask_token: '<mask>',
      cls_token: '<s>',
      sep_token: '[SEP]',
    });
  });
});
