import { Tokenizer } from '@huggingface/tokenizers';
import { shownName } from '../tensor/shown.ts';
import { StudioError } from '../tensor/studioError.ts';
import { checkExpressions, checkRules, LONGEST_PIECE } from './tokenizerRules.ts';
import { libraryRules } from './libraryRules.ts';
import { mergeTokenizerFiles, type MergedTokenizer, type TokenizerTexts } from './tokenizerFiles.ts';
import { unusedPrefix, type SpecialNames } from './tokenizerJson.ts';

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

/** Of BERT's pieces after the first of a word. */
const CONTINUATION = '##';
/**
 * A tokenizer from `tokenizer.json` (WordPiece, or word level), or made from `vocab.txt` if that is all there is, with what the
 * files beside it say.
 * @throws StudioError if neither is given, one is damaged or of a kind that is not read, or a special token is missing
 */
export function createTokenizer(texts: TokenizerTexts): TextTokenizer {
  return tokenizerFrom(mergeTokenizerFiles(texts));
}

/** @throws StudioError as {@link createTokenizer} */
export function tokenizerFrom({ json, names }: MergedTokenizer): TextTokenizer {
  const expressions = checkRules(json);
  const { tokenizer, vocabulary } = open(readable(libraryRules(json)), expressions);
  const encode = (text: string): number[] => tokenizer.encode(text, { add_special_tokens: false }).ids;
  const tokens: string[] = [];
  for (const [token, index] of vocabulary) tokens[index] = token;
  const prefix = continuation(json);
  const special = specialIds(names, vocabulary);
  return {
    vocabularySize: tokens.length,
    special,
    encode: (text) => (expressions === 0 ? encode(text) : [...piecesOf(text)].flatMap(encode)),
    token: (index) => tokens[index] ?? names.unknown,
    decode: (ids) => tokenizer.decode([...ids], { skip_special_tokens: true }),
    isContinuation: (index) => tokens[index]?.startsWith(prefix) ?? false,
  };
}

/**
 * The tokenizer of a model whose table of words has fewer rows than the tokenizer has tokens: those beyond it may be there, as
 * long as no text has one.
 *
 * @param rows of the table
 * @throws StudioError if a special token is beyond it; `encode` throws at a text that holds such a token
 */
export function withinTable(tokenizer: TextTokenizer, rows: number): TextTokenizer {
  if (tokenizer.vocabularySize <= rows) return tokenizer;
  const beyond = (id: number): StudioError =>
    new StudioError(
      'tokenizer',
      `tokenizer: ${JSON.stringify(shownName(tokenizer.token(id)))} — expected an id below ${rows}, the rows of the model's table of words, got ${id}. Resize the teacher (resize_token_embeddings) and train it on such tokens, or take them out of the text.`,
      { id },
    );
  for (const id of Object.values<number>({ ...tokenizer.special })) if (id >= rows) throw beyond(id);
  return {
    ...tokenizer,
    vocabularySize: rows,
    encode(text) {
      const ids = tokenizer.encode(text);
      for (const id of ids) if (id >= rows) throw beyond(id);
      return ids;
    },
  };
}

function specialIds(names: SpecialNames, vocabulary: ReadonlyMap<string, number>): SpecialTokens {
  const id = (token: string): number => {
    const found = vocabulary.get(token);
    if (found === undefined)
      throw new StudioError(
        'tokenizer',
        `tokenizer: the vocabulary has no ${shownName(token)}, which masked language modelling needs. If it has another name, say so in tokenizer_config.json (mask_token, unk_token, cls_token, sep_token).`,
      );
    return found;
  };
  return {
    pad: vocabulary.get(names.pad) ?? 0,
    unknown: id(names.unknown),
    classify: id(names.classify),
    separate: id(names.separate),
    mask: id(names.mask),
  };
}

/** What pieces of a word after its first carry. */
function continuation(json: object): string {
  const prefix = member(member(json, 'model'), 'continuing_subword_prefix');
  return typeof prefix === 'string' && prefix !== '' ? prefix : CONTINUATION;
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
function open(json: object, expressions: number): { readonly tokenizer: Tokenizer; readonly vocabulary: ReadonlyMap<string, number> } {
  try {
    const tokenizer = new Tokenizer(json, {});
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

/** The file as the library reads it: it has no word level, but WordPiece whose continuation prefix no token has is the same. */
function readable(json: object): object {
  const model = member(json, 'model');
  if (typeof model !== 'object' || model === null || member(model, 'type') !== 'WordLevel') return json;
  return {
    ...json,
    model: {
      ...model,
      type: 'WordPiece',
      unk_token: member(model, 'unk_token') ?? '[UNK]',
      continuing_subword_prefix: unusedPrefix(keysOf(member(model, 'vocab'))),
      max_input_chars_per_word: 1000,
    },
  };
}

function keysOf(value: unknown): string[] {
  return typeof value === 'object' && value !== null ? Object.keys(value) : [];
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? new Map<string, unknown>(Object.entries(value)).get(key) : undefined;
}
