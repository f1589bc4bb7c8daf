import { tokenizerJsonOf, vocabularySettings } from '../text/tokenizerJson.ts';
import type { Teacher } from './teacher.ts';

const SPECIAL = { unk_token: '[UNK]', sep_token: '[SEP]', pad_token: '[PAD]', cls_token: '[CLS]', mask_token: '[MASK]' } as const;

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

  const tokens = Array.from({ length: tokenizer.vocabularySize }, (_, id) => tokenizer.token(id));
  const vocabulary = text('vocab.txt') ?? `${tokens.join('\n')}\n`;
  if (!files.has('vocab.txt')) add('vocab.txt', vocabulary);
  const given: unknown = JSON.parse(text('tokenizer_config.json') ?? '{}');
  const settings = new Map<string, unknown>(typeof given === 'object' && given !== null ? Object.entries(given) : []);
  if (!files.has('tokenizer.json'))
    add('tokenizer.json', json(tokenizerJsonOf(vocabulary, vocabularySettings(Object.fromEntries(settings)))));
  const complete = {
    tokenizer_class: 'BertTokenizer',
    do_lower_case: lowercases(text('tokenizer.json')),
    model_max_length: model.config.maxPositions,
    ...SPECIAL,
    ...Object.fromEntries(settings),
  };
  add('tokenizer_config.json', json(complete));
  if (!files.has('special_tokens_map.json')) add('special_tokens_map.json', json(SPECIAL));
  return files;
}

function lowercases(tokenizerJson: string | undefined): boolean {
  const parsed: unknown = JSON.parse(tokenizerJson ?? '{}');
  const normalizer = member(parsed, 'normalizer');
  return member(normalizer, 'lowercase') !== false;
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? new Map<string, unknown>(Object.entries(value)).get(key) : undefined;
}
