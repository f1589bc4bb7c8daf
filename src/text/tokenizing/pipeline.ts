import { shownValue } from '../../tensor/shown.ts';
import { addedTokensOf, sectionsBy } from './addedTokens.ts';
import { bytePairs } from './bpe.ts';
import type { TokenModel } from './model.ts';
import { normalizerOf, type Normalize } from './normalizers.ts';
import { isRule, listOf, refuse, textOf, type Rule } from './rule.ts';
import { splitterOf } from './splitters.ts';
import { unigram } from './unigram.ts';
import { CONTINUATION, wordLevel, wordPiece } from './wordPiece.ts';

/** What a `tokenizer.json` does to a text. */
export interface Pipeline {
  readonly model: TokenModel;
  /** Ids of the model's vocabulary and of added tokens. */
  readonly ids: ReadonlyMap<string, number>;
  readonly encode: (text: string) => number[];
}

/** Kinds of models that are read. */
export const MODELS = ['WordPiece', 'WordLevel', 'BPE', 'Unigram'] as const;

/**
 * Reads a `tokenizer.json` into what the `tokenizers` library makes of it: ids for ids, without the special tokens around a text.
 * @throws StudioError `tokenizer` naming a rule that is damaged or not read
 */
export function pipelineOf(json: Rule): Pipeline {
  const normalize = normalizerOf(json['normalizer']);
  const leadOf = leadBy(json, normalize);
  const split = splitterOf(json['pre_tokenizer']);
  const model = modelOf(json['model']);
  const added = addedTokensOf(json);
  const raw = sectionsBy(added.filter(({ normalized }) => !normalized));
  const normal = sectionsBy(
    added.filter(({ normalized }) => normalized),
    normalize,
  );
  const ids = new Map(model.ids);
  for (const { content, id } of added) ids.set(content, id);
  return {
    model,
    ids,
    encode(text) {
      const found: number[] = [];
      for (const section of raw(wellFormed(text))) {
        if ('id' in section) {
          found.push(section.id);
          continue;
        }
        for (const part of normal(normalize(section.text))) {
          if ('id' in part) {
            found.push(part.id);
            continue;
          }
          const begin = { lead: section.at === 0 && part.at === 0 ? leadOf(section.text) : 0 };
          for (const word of split([part.text], begin)) model.encode(word, found);
        }
      }
      return found;
    },
  };
}

/**
 * How many characters of a normalised text stem from its first one. What a map of characters drops there counts as if it were there,
 * as in the library.
 */
function leadBy(json: Rule, normalize: Normalize): (text: string) => number {
  // Only this scheme asks.
  if (!JSON.stringify(json['pre_tokenizer'] ?? null).includes('"first"')) return () => 0;
  const withoutMap = normalizerOf(json['normalizer'], false);
  return (text) => {
    const first = String.fromCodePoint(text.codePointAt(0) ?? 0);
    return Math.max(normalize(first).length, withoutMap(first) === '' ? 0 : 1);
  };
}

/** Half a pair of UTF-16 is no character. */
function wellFormed(text: string): string {
  return /\p{Cs}/u.test(text) ? text.replace(/\p{Cs}/gu, '\uFFFD') : text;
}

function modelOf(given: unknown): TokenModel {
  const model = isRule(given) ? given : {};
  switch (kindOf(model)) {
    case 'WordPiece':
      return wordPiece(vocabularyOf(model), {
        unknown: textOf(model['unk_token']) ?? '[UNK]',
        prefix: textOf(model['continuing_subword_prefix']) ?? CONTINUATION,
        longestWord: typeof model['max_input_chars_per_word'] === 'number' ? model['max_input_chars_per_word'] : 100,
      });
    case 'WordLevel':
      return wordLevel(vocabularyOf(model), textOf(model['unk_token']) ?? '[UNK]');
    case 'BPE':
      if (typeof model['dropout'] === 'number' && model['dropout'] > 0)
        refuse('model.dropout', 'none, so that a text has one reading', String(model['dropout']), 'Set it to null.');
      return bytePairs(vocabularyOf(model), mergesOf(model['merges']), {
        unknown: textOf(model['unk_token']),
        prefix: textOf(model['continuing_subword_prefix']) ?? '',
        suffix: textOf(model['end_of_word_suffix']) ?? '',
        fuseUnknown: model['fuse_unk'] === true,
        byteFallback: model['byte_fallback'] === true,
        ignoreMerges: model['ignore_merges'] === true,
      });
    case 'Unigram': {
      const pieces = piecesOf(model['vocab']);
      const { unk_id: unknownId } = model;
      if (typeof unknownId !== 'number' || pieces[unknownId] === undefined)
        return refuse('model.unk_id', `an id from 0 to ${pieces.length - 1}`, shownValue(unknownId));
      return unigram(pieces, { unknownId, byteFallback: model['byte_fallback'] === true });
    }
  }
}

/** Older files do not say the kind of model. */
export function kindOf(model: Rule): (typeof MODELS)[number] {
  const { type } = model;
  if (type === undefined || type === null) {
    if (Array.isArray(model['vocab'])) return 'Unigram';
    return Array.isArray(model['merges']) ? 'BPE' : 'WordPiece';
  }
  return (
    MODELS.find((kind) => kind === type) ??
    refuse('model.type', `${MODELS.slice(0, -1).join(', ')} or Unigram`, shownValue(type), 'Choose a teacher with one of these.')
  );
}

function vocabularyOf(model: Rule): Map<string, number> {
  const { vocab } = model;
  if (!isRule(vocab)) return refuse('model.vocab', 'a vocabulary', 'none', 'The file is damaged; take the original.');
  return new Map(Object.entries(vocab).flatMap(([token, id]): [string, number][] => (typeof id === 'number' ? [[token, id]] : [])));
}

function piecesOf(vocab: unknown): (readonly [string, number])[] {
  if (!Array.isArray(vocab) || vocab.length === 0)
    return refuse('model.vocab', 'a list of pieces with their scores', 'none', 'The file is damaged; take the original.');
  return vocab.map((entry: unknown, id) => {
    const [piece, score] = listOf(entry);
    return typeof piece === 'string' && typeof score === 'number'
      ? [piece, score]
      : refuse(`model.vocab, ${id}`, 'a piece with its score', shownValue(entry), 'The file is damaged; take the original.');
  });
}

/** Merges as pairs, or as lines with a space between, as older files have them. */
function mergesOf(merges: unknown): (readonly [string, string])[] {
  return listOf(merges).map((merge) => {
    const [left, right, ...more] = typeof merge === 'string' ? merge.split(' ') : listOf(merge);
    return typeof left === 'string' && typeof right === 'string' && more.length === 0
      ? [left, right]
      : refuse('model.merges', 'pairs of tokens', shownValue(merge), 'The file is damaged; take the original.');
  });
}
