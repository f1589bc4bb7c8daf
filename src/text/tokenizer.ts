import { shownName } from '../tensor/shown.ts';
import { StudioError } from '../tensor/studioError.ts';
import { checkRules } from './tokenizerRules.ts';
import { pipelineOf } from './tokenizing/pipeline.ts';
import { mergeTokenizerFiles, type MergedTokenizer, type TokenizerTexts } from './tokenizerFiles.ts';
import type { SpecialNames } from './tokenizerJson.ts';

/** Text to token ids and back, without special tokens. */
export interface TextTokenizer {
  readonly vocabularySize: number;
  readonly special: SpecialTokens;
  encode(text: string): number[];
  token(id: number): string;
  /** True for a piece that continues a word (`##ing`). */
  isContinuation(id: number): boolean;
}

export interface SpecialTokens {
  readonly pad: number;
  /** -1 if every text has tokens. */
  readonly unknown: number;
  readonly classify: number;
  readonly separate: number;
  readonly mask: number;
}

/**
 * A tokenizer from `tokenizer.json` (WordPiece, whole words, BPE or Unigram), or made from `vocab.txt` if that is all there is, with what the
 * files beside it say.
 * @throws StudioError if neither is given, one is damaged or of a kind that is not read, or a special token is missing
 */
export function createTokenizer(texts: TokenizerTexts): TextTokenizer {
  return tokenizerFrom(mergeTokenizerFiles(texts));
}

/** @throws StudioError as {@link createTokenizer} */
export function tokenizerFrom({ json, names }: MergedTokenizer): TextTokenizer {
  checkRules(json);
  const { ids, model, encode } = pipelineOf(json);
  const tokens: string[] = [];
  for (const [token, index] of ids) tokens[index] = token;
  const special = specialIds(names, ids, model.unknown === undefined);
  return {
    vocabularySize: tokens.length,
    special,
    encode,
    token: (index) => tokens[index] ?? names.unknown,
    isContinuation: (index) => model.continues(tokens[index] ?? ''),
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

/** @param complete every text has tokens, so that none is for the unknown */
function specialIds(names: SpecialNames, vocabulary: ReadonlyMap<string, number>, complete: boolean): SpecialTokens {
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
    unknown: complete ? (vocabulary.get(names.unknown) ?? -1) : id(names.unknown),
    classify: id(names.classify),
    separate: id(names.separate),
    mask: id(names.mask),
  };
}
