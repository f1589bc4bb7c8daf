import { shownName } from '../tensor/shown.ts';
import { StudioError } from '../tensor/studioError.ts';

/** More than any vocabulary; ids above it would only waste memory. */
export const LARGEST_ID = 1 << 24;

/** What a vocabulary calls its special tokens. */
export interface SpecialNames {
  readonly pad: string;
  readonly unknown: string;
  readonly classify: string;
  readonly separate: string;
  readonly mask: string;
}

export const BERT_NAMES: SpecialNames = { pad: '[PAD]', unknown: '[UNK]', classify: '[CLS]', separate: '[SEP]', mask: '[MASK]' };

/** @throws StudioError naming the file if it is no JSON object */
export function parseObject(file: string, text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Falls through to the one message for both.
  }
  throw new StudioError('tokenizer', `${file}: expected a JSON object. The file is damaged; take the original.`);
}

/** A cased vocabulary has names and sentence starts; an uncased one only what slipped in. */
const CASED_SHARE = 0.01;

/** How a `vocab.txt` is to be used; what is not given follows from the vocabulary. */
export interface VocabularySettings {
  readonly lowercase?: boolean;
  /** Accents go with the case unless said. */
  readonly stripAccents?: boolean;
  readonly splitChinese?: boolean;
}

/** The settings that a `tokenizer_config.json` makes. */
export function vocabularySettings(config: object): VocabularySettings {
  const values = new Map<string, unknown>(Object.entries(config));
  const given = (name: string, key: keyof VocabularySettings): VocabularySettings => {
    const value = values.get(name);
    return typeof value === 'boolean' ? { [key]: value } : {};
  };
  return {
    ...given('do_lower_case', 'lowercase'),
    ...given('strip_accents', 'stripAccents'),
    ...given('tokenize_chinese_chars', 'splitChinese'),
  };
}

/** Tokens of a `vocab.txt`, one a line. */
export function vocabularyTokens(vocabulary: string): string[] {
  return vocabulary
    .replace(/^\uFEFF/, '')
    .replace(/\r/g, '')
    .replace(/\n$/, '')
    .split('\n');
}

/** A vocabulary without `##` pieces is of whole words: they come split by spaces, as they are. */
export function isWordLevel(tokens: readonly string[]): boolean {
  return !tokens.some((token) => token.startsWith('##') && token.length > 2);
}

function isCased(tokens: readonly string[]): boolean {
  const words = tokens.filter((token) => !token.startsWith('['));
  return words.filter((token) => token !== token.toLowerCase()).length > CASED_SHARE * words.length;
}

/** A continuation prefix that no token has: WordPiece then looks up whole words alone, which is what word level means. */
export function unusedPrefix(tokens: Iterable<string>): string {
  const taken = new Set(tokens);
  let prefix = '##';
  while ([...taken].some((token) => token.startsWith(prefix))) prefix += '#';
  return prefix;
}

/** The `tokenizer.json` that a `vocab.txt` stands for: BERT's WordPiece, or whole words split at spaces. */
export function tokenizerJsonOf(
  vocabulary: string,
  settings: VocabularySettings,
  names: SpecialNames = BERT_NAMES,
): Record<string, unknown> {
  const tokens = vocabularyTokens(vocabulary);
  const wordLevel = isWordLevel(tokens);
  const lowercase = settings.lowercase ?? (!wordLevel && !isCased(tokens));
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const at = (token: string): number => ids.get(token) ?? 0;
  const sequence = (id: string, type: number): object => ({ Sequence: { id, type_id: type } });
  const special = (id: string, type: number): object => ({ SpecialToken: { id, type_id: type } });
  const prefix = wordLevel ? unusedPrefix(tokens) : '##';
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedSpecials(names, ids),
    normalizer: wordLevel
      ? lowercase
        ? { type: 'Lowercase' }
        : null
      : {
          type: 'BertNormalizer',
          clean_text: true,
          handle_chinese_chars: settings.splitChinese ?? true,
          strip_accents: settings.stripAccents ?? null,
          lowercase,
        },
    pre_tokenizer: { type: wordLevel ? 'WhitespaceSplit' : 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [special(names.classify, 0), sequence('A', 0), special(names.separate, 0)],
      pair: [special(names.classify, 0), sequence('A', 0), special(names.separate, 0), sequence('B', 1), special(names.separate, 1)],
      special_tokens: Object.fromEntries(
        [names.classify, names.separate].map((token) => [token, { id: token, ids: [at(token)], tokens: [token] }]),
      ),
    },
    decoder: { type: 'WordPiece', prefix, cleanup: !wordLevel },
    model: {
      type: 'WordPiece',
      unk_token: names.unknown,
      continuing_subword_prefix: prefix,
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(ids),
    },
  };
}

/** The special tokens of a vocabulary as a `tokenizer.json` lists them. @param ids token to id */
function addedSpecials(names: SpecialNames, ids: ReadonlyMap<string, unknown>): object[] {
  return Object.values<string>({ ...names })
    .filter((token) => ids.has(token))
    .map((content) => ({
      id: ids.get(content),
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    }));
}

/**
 * The `tokenizer.json` that a `vocab.json` and a `merges.txt` stand for: RoBERTa's byte-level BPE, as Hugging Face's library makes it.
 * @param vocabulary token to id  @param merges pairs, one a line, the first ones first; a line that begins with `#version` is none
 * @throws StudioError naming the file that is damaged
 */
export function byteLevelJsonOf(vocabulary: string, merges: string, addPrefixSpace: boolean, names: SpecialNames): Record<string, unknown> {
  const vocab = new Map<string, unknown>(Object.entries(parseObject('vocab.json', vocabulary)));
  const pairs = merges
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .filter((line, at) => line !== '' && !(at === 0 && line.startsWith('#version')));
  const odd = pairs.find((line) => line.split(' ').length !== 2);
  if (odd !== undefined)
    throw new StudioError(
      'tokenizer',
      `merges.txt: expected two pieces with a space between, got ${JSON.stringify(shownName(odd))}. The file is damaged; take the original.`,
    );
  const pair = (token: string): readonly [string, unknown] => [token, vocab.get(token) ?? 0];
  const space = { add_prefix_space: addPrefixSpace, trim_offsets: true };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedSpecials(names, vocab),
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', ...space, use_regex: true },
    post_processor: { type: 'RobertaProcessing', sep: pair(names.separate), cls: pair(names.classify), ...space },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(vocab),
      merges: pairs.map((line) => line.split(' ')),
    },
  };
}
