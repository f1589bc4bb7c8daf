import { Tokenizer } from '@huggingface/tokenizers';
import { StudioError } from '../tensor/studioError.ts';

/** Text to token ids and back, without special tokens. */
export interface TextTokenizer {
  readonly vocabularySize: number;
  readonly special: SpecialTokens;
  encode(text: string): number[];
  token(id: number): string;
  decode(ids: readonly number[]): string;
  /** True for a piece that continues a word (`##ing`). */
  isContinuation(id: number): boolean;
}

export interface SpecialTokens {
  readonly pad: number;
  readonly unknown: number;
  readonly classify: number;
  readonly separate: number;
  readonly mask: number;
}

export interface TokenizerTexts {
  readonly tokenizerJson?: string;
  readonly tokenizerConfig?: string;
  /** `vocab.txt`: a token a line. */
  readonly vocabulary?: string;
}

/**
 * A WordPiece tokenizer from `tokenizer.json`, or made from `vocab.txt` where that is all there is.
 * @throws StudioError if neither is given, JSON is broken, or [UNK], [CLS], [SEP] or [MASK] is missing
 */
export function createTokenizer(texts: TokenizerTexts): TextTokenizer {
  const config = texts.tokenizerConfig === undefined ? {} : parse('tokenizer_config.json', texts.tokenizerConfig);
  const json = tokenizerJson(texts, config);
  const tokenizer = new Tokenizer(json, config);
  const vocabulary = tokenizer.get_vocab(true);
  const id = (token: string): number => {
    const found = vocabulary.get(token);
    if (found === undefined)
      throw new StudioError('tokenizer', `tokenizer: the vocabulary has no ${token}, which masked language modelling needs.`);
    return found;
  };
  const tokens: string[] = [];
  for (const [token, index] of vocabulary) tokens[index] = token;
  return {
    vocabularySize: tokens.length,
    special: { pad: vocabulary.get('[PAD]') ?? 0, unknown: id('[UNK]'), classify: id('[CLS]'), separate: id('[SEP]'), mask: id('[MASK]') },
    encode: (text) => tokenizer.encode(text, { add_special_tokens: false }).ids,
    token: (index) => tokens[index] ?? '[UNK]',
    decode: (ids) => tokenizer.decode([...ids], { skip_special_tokens: true }),
    isContinuation: (index) => tokens[index]?.startsWith('##') ?? false,
  };
}

function tokenizerJson(texts: TokenizerTexts, config: object): object {
  if (texts.tokenizerJson !== undefined) return parse('tokenizer.json', texts.tokenizerJson);
  if (texts.vocabulary === undefined)
    throw new StudioError(
      'tokenizer',
      'tokenizer: expected tokenizer.json or vocab.txt beside the weights, got neither. Drop the whole folder.',
    );
  const lower = new Map<string, unknown>(Object.entries(config)).get('do_lower_case');
  return wordPieceJson(texts.vocabulary, lower !== false);
}

function parse(name: string, text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Falls through to the one message for both.
  }
  throw new StudioError('tokenizer', `${name}: expected a JSON object. The file is damaged; take the original.`);
}

/** The `tokenizer.json` of BERT's WordPiece over a `vocab.txt`. */
export function wordPieceJson(vocabulary: string, lowercase: boolean): Record<string, unknown> {
  const tokens = vocabulary.replace(/\r/g, '').replace(/\n$/, '').split('\n');
  const specials = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'].filter((token) => tokens.includes(token));
  const at = (token: string): number => tokens.indexOf(token);
  const sequence = (id: string, type: number): object => ({ Sequence: { id, type_id: type } });
  const special = (id: string, type: number): object => ({ SpecialToken: { id, type_id: type } });
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specials.map((content) => ({
      id: at(content),
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [special('[CLS]', 0), sequence('A', 0), special('[SEP]', 0)],
      pair: [special('[CLS]', 0), sequence('A', 0), special('[SEP]', 0), sequence('B', 1), special('[SEP]', 1)],
      special_tokens: Object.fromEntries(['[CLS]', '[SEP]'].map((token) => [token, { id: token, ids: [at(token)], tokens: [token] }])),
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(tokens.map((token, index) => [token, index])),
    },
  };
}
