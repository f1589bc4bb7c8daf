import { Tokenizer } from '@huggingface/tokenizers';
import { StudioError } from '../tensor/studioError.ts';
import { checkExpressions, checkRules, LONGEST_PIECE } from './tokenizerRules.ts';
import { tokenizerJsonOf, unusedPrefix, vocabularySettings } from './tokenizerJson.ts';

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

/** Pieces of a word after its first carry it. */
const CONTINUATION = '##';
/** More than any vocabulary; ids above it would only waste memory. */
const LARGEST_ID = 1 << 24;

/**
 * A tokenizer from `tokenizer.json` (WordPiece, or word level), or made from `vocab.txt` where that is all there is.
 * @throws StudioError if neither is given, one is damaged or of a kind that is not read, or [UNK], [CLS], [SEP] or [MASK] is missing
 */
export function createTokenizer(texts: TokenizerTexts): TextTokenizer {
  const config = texts.tokenizerConfig === undefined ? {} : parse('tokenizer_config.json', texts.tokenizerConfig);
  const given = texts.tokenizerJson === undefined ? undefined : parse('tokenizer.json', texts.tokenizerJson);
  const expressions = given === undefined ? 0 : checkRules(given);
  const json = given === undefined ? fromVocabulary(texts, config) : readable(given);
  const { tokenizer, vocabulary } = open(json, config, expressions);
  const encode = (text: string): number[] => tokenizer.encode(text, { add_special_tokens: false }).ids;
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
    encode: (text) => (expressions === 0 ? encode(text) : [...piecesOf(text)].flatMap(encode)),
    token: (index) => tokens[index] ?? '[UNK]',
    decode: (ids) => tokenizer.decode([...ids], { skip_special_tokens: true }),
    isContinuation: (index) => tokens[index]?.startsWith(CONTINUATION) ?? false,
  };
}

/** The text in pieces that an expression can take its time for, cut at spaces where there are some. */
function* piecesOf(text: string): Generator<string> {
  for (let from = 0; from < text.length;) {
    const most = from + LONGEST_PIECE;
    const space = most < text.length ? text.lastIndexOf(' ', most) : text.length;
    const end = space > from ? space : most;
    yield text.slice(from, end);
    from = end;
  }
}

/** The library throws plain errors at what it does not know, and some only when it first works. */
function open(
  json: object,
  config: object,
  expressions: number,
): { readonly tokenizer: Tokenizer; readonly vocabulary: ReadonlyMap<string, number> } {
  try {
    const tokenizer = new Tokenizer(json, config);
    checkExpressions(
      ['normalizer', 'pre_tokenizer', 'decoder'].map((part): unknown => Reflect.get(tokenizer, part)),
      expressions,
    );
    tokenizer.encode('a', { add_special_tokens: false });
    return { tokenizer, vocabulary: tokenizer.get_vocab(true) };
  } catch (error) {
    if (error instanceof StudioError) throw error;
    throw new StudioError(
      'tokenizer',
      `tokenizer.json: expected a BERT tokenizer (WordPiece or word level), got one that cannot be used (${error instanceof Error ? error.message : String(error)}). Take the teacher's original files.`,
    );
  }
}

function fromVocabulary(texts: TokenizerTexts, config: object): object {
  if (texts.vocabulary === undefined)
    throw new StudioError(
      'tokenizer',
      'tokenizer: expected tokenizer.json or vocab.txt beside the weights, got neither. Drop the whole folder.',
    );
  return tokenizerJsonOf(texts.vocabulary, vocabularySettings(config));
}

/**
 * The file as the library reads it: it has no word level, but WordPiece whose continuation prefix no token has is the same.
 * @throws StudioError for the models of other families
 */
function readable(json: object): object {
  const model = member(json, 'model');
  const type = member(model, 'type');
  const vocabulary = member(model, 'vocab');
  if (typeof model !== 'object' || model === null || typeof vocabulary !== 'object' || vocabulary === null)
    throw new StudioError(
      'tokenizer',
      'tokenizer.json: model.vocab — expected a vocabulary, got none. The file is damaged; take the original.',
    );
  for (const [token, id] of Object.entries(vocabulary))
    if (!Number.isInteger(id) || id < 0 || id > LARGEST_ID)
      throw new StudioError(
        'tokenizer',
        `tokenizer.json: ${JSON.stringify(token)} — expected an id from 0 on, got ${JSON.stringify(id)}. Take the original file.`,
      );
  if (type === 'WordLevel')
    return {
      ...json,
      model: {
        ...model,
        type: 'WordPiece',
        unk_token: member(model, 'unk_token') ?? '[UNK]',
        continuing_subword_prefix: unusedPrefix(Object.keys(vocabulary)),
        max_input_chars_per_word: 1000,
      },
    };
  if (type !== undefined && type !== 'WordPiece')
    throw new StudioError(
      'tokenizer',
      `tokenizer.json: model.type — expected WordPiece or WordLevel, got ${JSON.stringify(type)}. BERT encoders are supported, not their relatives with other tokenizers.`,
    );
  return json;
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? new Map<string, unknown>(Object.entries(value)).get(key) : undefined;
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
