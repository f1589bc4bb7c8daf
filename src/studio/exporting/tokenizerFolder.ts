import { familyOf } from '../../models/families/registry.ts';
import type { OnnxInputs } from '../../models/family.ts';
import { longestSequence } from '../../models/model.ts';
import { BERT_NAMES, tokenizerJsonOf, type SpecialNames } from '../../text/tokenizerJson.ts';
import { mergedTokenizer, type Teacher } from '../teacher/teacher.ts';

/** Settings that point to files of the machine where the teacher was made, or to code that a loader would run. */
const ELSEWHERE: ReadonlySet<string> = new Set(['auto_map', 'name_or_path', 'tokenizer_file', 'special_tokens_map_file', 'vocab_file']);
/** Settings by which a loader would make other rules than those of `tokenizer.json`, or name other tokens. */
const RULES: ReadonlySet<string> = new Set([
  'tokenizer_class',
  'do_lower_case',
  'do_basic_tokenize',
  'never_split',
  'strip_accents',
  'tokenize_chinese_chars',
  'word_tokenizer_type',
  'subword_tokenizer_type',
  'wordpieces_prefix',
  'added_tokens_decoder',
  'backend',
]);

/**
 * The tokenizer's files for the student's folder: one `tokenizer.json` that says what all of the teacher's files say together,
 * and settings under which Hugging Face's libraries change nothing about it. Python's load the folder, transformers.js does
 * from the JSON files.
 */
export function tokenizerFolder({ tokenizerFiles, model }: Pick<Teacher, 'tokenizerFiles' | 'model'>): Map<string, Uint8Array> {
  const files = new Map(tokenizerFiles);
  const add = (name: string, content: string): void => void files.set(name, new TextEncoder().encode(content));
  const pretty = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
  const bytes = files.get('tokenizer_config.json');
  const given = new Map<string, unknown>(
    Object.entries(objectOf(JSON.parse(bytes === undefined ? '{}' : new TextDecoder().decode(bytes)))),
  );
  const { json, names } = mergedTokenizer(tokenizerFiles);

  // A file that says all by itself stays as it came.
  const own = files.get('tokenizer.json');
  if (own === undefined || JSON.stringify(JSON.parse(new TextDecoder().decode(own))) !== JSON.stringify(json))
    add('tokenizer.json', pretty(json));
  // Its tokens are in tokenizer.json, with their rules.
  files.delete('added_tokens.json');
  if (!files.has('vocab.txt') && hasVocabularyLines(json)) add('vocab.txt', vocabularyLines(json));
  const longest: unknown = given.get('model_max_length');
  const special = {
    unk_token: names.unknown,
    sep_token: names.separate,
    pad_token: names.pad,
    cls_token: names.classify,
    mask_token: names.mask,
  };
  add(
    'tokenizer_config.json',
    pretty({
      ...classSettings(json, names, given.get('tokenizer_class'), familyOf(model.config.family).onnxInputs),
      ...special,
      ...Object.fromEntries([...given].filter(([key]) => !ELSEWHERE.has(key) && !RULES.has(key) && !isOther(key, given, special))),
      // Hugging Face writes 1e30 for "not known", and then cuts nothing.
      model_max_length: Math.min(typeof longest === 'number' ? longest : Infinity, longestSequence(model.config)),
    }),
  );
  const mapped = files.get('special_tokens_map.json');
  const map = new Map<string, unknown>(
    Object.entries(objectOf(JSON.parse(mapped === undefined ? '{}' : new TextDecoder().decode(mapped)))),
  );
  if (mapped === undefined || [...map.keys()].some((key) => isOther(key, map, special)))
    add('special_tokens_map.json', pretty({ ...Object.fromEntries(map), ...special }));
  return files;
}

/** A special token that the settings name and the vocabulary does not have. */
function isOther(key: string, given: ReadonlyMap<string, unknown>, special: Readonly<Record<string, string>>): boolean {
  const own = new Map(Object.entries(special)).get(key);
  const value = given.get(key);
  return own !== undefined && value !== own && member(value, 'content') !== own;
}

/** Whether `vocab.txt` can say it: pieces with scores and merges have other files. */
function hasVocabularyLines(json: object): boolean {
  const kind = member(member(json, 'model'), 'type');
  return kind !== 'Unigram' && kind !== 'BPE';
}

/** A token a line; an id without a token keeps its line, under a name that no text has. */
function vocabularyLines(json: object): string {
  const lines: string[] = [];
  for (const [token, id] of Object.entries(objectOf(member(member(json, 'model'), 'vocab')))) lines[Number(id)] = token;
  for (const token of listOf(member(json, 'added_tokens'))) lines[Number(member(token, 'id'))] ??= String(member(token, 'content'));
  return `${Array.from(lines, (token, id) => token ?? `[unused-id-${id}]`).join('\n')}\n`;
}

/**
 * The class that reads `tokenizer.json` as it stands. From BertTokenizer, transformers 5 takes the vocabulary alone and makes
 * the rest anew, so it is named only if that gives the same file, and only for a model that reads the segments it makes.
 */
function classSettings(json: object, names: SpecialNames, given: unknown, { ids, segments, mask }: OnnxInputs): Record<string, unknown> {
  const normalizer = member(json, 'normalizer');
  const said = { do_lower_case: 'lowercase', strip_accents: 'strip_accents', tokenize_chinese_chars: 'handle_chinese_chars' };
  const settings = Object.fromEntries(Object.entries(said).map(([setting, key]) => [setting, member(normalizer, key) ?? null]));
  if (segments === undefined || !isMadeByBert(json, names))
    return { tokenizer_class: 'PreTrainedTokenizerFast', model_input_names: [ids, ...(segments === undefined ? [] : [segments]), mask] };
  return { tokenizer_class: given === 'BertTokenizerFast' ? given : 'BertTokenizer', ...settings };
}

/** Whether BertTokenizer, given the vocabulary and the settings of its normalizer, makes these rules. */
function isMadeByBert(json: object, names: SpecialNames): boolean {
  const vocabulary = objectOf(member(member(json, 'model'), 'vocab'));
  const normalizer = member(json, 'normalizer');
  const flag = (key: string): boolean | undefined => {
    const value = member(normalizer, key);
    return typeof value === 'boolean' ? value : undefined;
  };
  const [lowercase, stripAccents, splitChinese] = [flag('lowercase'), flag('strip_accents'), flag('handle_chinese_chars')];
  // The made file is of this vocabulary, whatever its pieces look like.
  const made = tokenizerJsonOf('##piece', {
    ...(lowercase === undefined ? {} : { lowercase }),
    ...(stripAccents === undefined ? {} : { stripAccents }),
    ...(splitChinese === undefined ? {} : { splitChinese }),
  });
  const same = (a: unknown, b: unknown): boolean => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
  const ids = new Map<string, unknown>(Object.entries(vocabulary));
  const { vocab: _, ...model } = objectOf(member(json, 'model'));
  const { vocab: __, ...madeModel } = objectOf(made['model']);
  const template = objectOf(made['post_processor']);
  const special = Object.fromEntries(['[CLS]', '[SEP]'].map((token) => [token, { id: token, ids: [ids.get(token)], tokens: [token] }]));
  return (
    same(names, BERT_NAMES) &&
    same(normalizer, made['normalizer']) &&
    same(member(json, 'pre_tokenizer'), made['pre_tokenizer']) &&
    same(member(json, 'post_processor'), { ...template, special_tokens: special }) &&
    same(member(json, 'decoder'), made['decoder']) &&
    same(model, madeModel) &&
    areSpecialsAlone(listOf(member(json, 'added_tokens')), ids)
  );
}

/** The five special tokens, under the ids of the vocabulary and with the rules that BertTokenizer gives them, and no others. */
function areSpecialsAlone(added: readonly unknown[], ids: ReadonlyMap<string, unknown>): boolean {
  const specials = Object.values<string>({ ...BERT_NAMES });
  return (
    added.length === specials.length &&
    specials.every((content) =>
      added.some(
        (token) =>
          member(token, 'content') === content &&
          member(token, 'id') === ids.get(content) &&
          member(token, 'special') === true &&
          ['single_word', 'lstrip', 'rstrip', 'normalized'].every((key) => member(token, key) === false),
      ),
    )
  );
}

/** The value with the keys of its objects in order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? new Map<string, unknown>(Object.entries(value)).get(key) : undefined;
}
