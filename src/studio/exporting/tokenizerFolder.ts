import { longestSequence } from '../../models/model.ts';
import { isWordLevel, tokenizerJsonOf, vocabularySettings, vocabularyTokens } from '../../text/tokenizerJson.ts';
import type { Teacher } from '../teacher/teacher.ts';

const SPECIAL = { unk_token: '[UNK]', sep_token: '[SEP]', pad_token: '[PAD]', cls_token: '[CLS]', mask_token: '[MASK]' } as const;

/** Settings that point to files of the machine where the teacher was made, or to code that a loader would run. */
const ELSEWHERE: ReadonlySet<string> = new Set(['auto_map', 'name_or_path', 'tokenizer_file', 'special_tokens_map_file', 'vocab_file']);

/**
 * The tokenizer's files for the student's folder: the teacher's where it has them, the rest made from those.
 * Both Hugging Face libraries then load the folder: Python's from any of them, transformers.js from the JSON files.
 */
export function tokenizerFolder({ tokenizerFiles, tokenizer, model }: Teacher): Map<string, Uint8Array> {
  const files = new Map(tokenizerFiles);
  const text = (name: string): string | undefined => {
    const bytes = files.get(name);
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
  };
  const add = (name: string, content: string): void => void files.set(name, new TextEncoder().encode(content));
  const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

  if (!files.has('vocab.txt')) add('vocab.txt', vocabularyLines(tokenizer));
  const vocabulary = text('vocab.txt') ?? '';
  const settings = new Map<string, unknown>(Object.entries(objectOf(text('tokenizer_config.json'))).filter(([key]) => !ELSEWHERE.has(key)));
  if (!files.has('tokenizer.json'))
    add('tokenizer.json', json(tokenizerJsonOf(vocabulary, vocabularySettings(Object.fromEntries(settings)))));
  const longest: unknown = settings.get('model_max_length');
  add(
    'tokenizer_config.json',
    json({
      ...classSettings(objectOf(text('tokenizer.json')), vocabulary),
      ...SPECIAL,
      ...Object.fromEntries(settings),
      // Hugging Face writes 1e30 for "not known", and then cuts nothing.
      model_max_length: Math.min(typeof longest === 'number' ? longest : Infinity, longestSequence(model.config)),
    }),
  );
  if (!files.has('special_tokens_map.json')) add('special_tokens_map.json', json(SPECIAL));
  return files;
}

/** A token a line; an id without a token keeps its line, under a name that no text has. */
function vocabularyLines(tokenizer: Teacher['tokenizer']): string {
  const { unknown } = tokenizer.special;
  const tokens = Array.from({ length: tokenizer.vocabularySize }, (_, id) => tokenizer.token(id));
  const named = tokens.map((token, id) => (token === tokens[unknown] && id !== unknown ? `[unused-id-${id}]` : token));
  return `${named.join('\n')}\n`;
}

/**
 * The class that reads `tokenizer.json` as it stands. BertTokenizer makes a normalizer and a pre-tokenizer of its own
 * from these settings (transformers 5 always, 4 where they differ), so they must say what the file says; and it would
 * cut whole words at their punctuation.
 */
function classSettings(tokenizerJson: object, vocabulary: string): Record<string, unknown> {
  if (member(member(tokenizerJson, 'pre_tokenizer'), 'type') === 'WhitespaceSplit' || isWordLevel(vocabularyTokens(vocabulary)))
    return { tokenizer_class: 'PreTrainedTokenizerFast', model_input_names: ['input_ids', 'token_type_ids', 'attention_mask'] };
  const normalizer = member(tokenizerJson, 'normalizer');
  const said = { do_lower_case: 'lowercase', strip_accents: 'strip_accents', tokenize_chinese_chars: 'handle_chinese_chars' };
  const known = Object.entries(said).flatMap(([setting, key]) => {
    const value = member(normalizer, key);
    return value === undefined ? [] : [[setting, value] as const];
  });
  return { tokenizer_class: 'BertTokenizer', ...Object.fromEntries(known) };
}

function objectOf(text: string | undefined): object {
  const value: unknown = JSON.parse(text ?? '{}');
  return typeof value === 'object' && value !== null ? value : {};
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? new Map<string, unknown>(Object.entries(value)).get(key) : undefined;
}
