import { addedTokensOf } from './addedTokens.ts';
import { CONTINUATION } from './wordPiece.ts';
import { kindOf } from './pipeline.ts';
import { isRule, listOf, textOf, type Rule } from './rule.ts';

/** Which tokens of a vocabulary may go, told by ids. */
export interface CutChoice {
  /** Stay in every case: special and added tokens, single characters, bytes, and what the model's arithmetic rests on. */
  readonly needed: ReadonlySet<number>;
  /** A token with those that it is merged from, in byte-pair encoding; else itself. */
  readonly withParts: (id: number) => ReadonlySet<number>;
}

/**
 * What a cut of a tokenizer has to keep so that every text still tokenises, and the same tokens come where none is missing.
 * @param json a merged `tokenizer.json`  @param rows of the model's table; ids from there on are not counted
 */
export function cutChoice(json: Rule, special: Iterable<number>, rows: number): CutChoice {
  const model = isRule(json['model']) ? json['model'] : {};
  const ids = idsOf(model);
  const needed = new Set<number>();
  const need = (id: number | undefined): void => {
    if (id !== undefined && id >= 0 && id < rows) needed.add(id);
  };
  for (const id of special) need(id);
  for (const { id } of addedTokensOf(json)) need(id);
  const prefix = textOf(model['continuing_subword_prefix']) ?? (kindOf(model) === 'WordPiece' ? CONTINUATION : '');
  const suffix = textOf(model['end_of_word_suffix']) ?? '';
  // Of whole words, single characters need not stay: nothing is put together from them.
  for (const [token, id] of kindOf(model) === 'WordLevel' ? [] : ids) {
    const start = prefix !== '' && token.startsWith(prefix) ? prefix.length : 0;
    const end = suffix !== '' && token.endsWith(suffix) ? token.length - suffix.length : token.length;
    if (Array.from(token.slice(start, end)).length === 1 || /^<0x[0-9A-F]{2}>$/.test(token)) need(id);
  }
  if (kindOf(model) === 'Unigram') {
    need(typeof model['unk_id'] === 'number' ? model['unk_id'] : undefined);
    need(worstPiece(model));
  }
  if (kindOf(model) !== 'BPE') return { needed, withParts: (id) => new Set([id]) };
  const parts = new Map<number, number[]>();
  for (const [left, right] of mergesOf(model)) {
    const [a, b, made] = [ids.get(left), ids.get(right), ids.get(left + right.slice(prefix.length))];
    if (a !== undefined && b !== undefined && made !== undefined) parts.set(made, [...(parts.get(made) ?? []), a, b]);
  }
  return { needed, withParts: (id) => closure(id, parts) };
}

/** What an unknown character costs follows from the worst piece, so that one stays. */
function worstPiece(model: Rule): number {
  let worst = 0;
  const scores = listOf(model['vocab']).map((entry) => Number(listOf(entry)[1]));
  scores.forEach((score, id) => {
    if (score < (scores[worst] ?? 0)) worst = id;
  });
  return worst;
}

function closure(id: number, parts: ReadonlyMap<number, readonly number[]>): ReadonlySet<number> {
  const found = new Set([id]);
  for (const one of found) for (const part of parts.get(one) ?? []) found.add(part);
  return found;
}

/**
 * Every token that a text uses, with its parts, and those that are needed.
 * @param counts uses of each id
 */
export function tokensOfText({ needed, withParts }: CutChoice, counts: Float64Array): ReadonlySet<number> {
  const kept = new Set(needed);
  counts.forEach((count, id) => {
    if (count > 0) for (const part of withParts(id)) if (part < counts.length) kept.add(part);
  });
  return kept;
}

/**
 * The tokens that stay: those that are needed, then the most used, equals in the order of their ids, as vocabularies are sorted.
 * @param counts uses of each id  @param size tokens that may stay; at least those that are needed
 * @returns old ids in rising order, at most `size`: in byte-pair encoding a token comes with its parts
 */
export function keptTokens({ needed, withParts }: CutChoice, counts: Float64Array, size: number): number[] {
  const kept = new Set(needed);
  const byUse = Array.from(counts, (_, id) => id).sort((a, b) => (counts[b] ?? 0) - (counts[a] ?? 0) || a - b);
  for (const id of byUse) {
    if (kept.size >= size) break;
    const more = [...withParts(id)].filter((one) => one < counts.length && !kept.has(one));
    if (kept.size + more.length <= size) for (const one of more) kept.add(one);
  }
  return [...kept].sort((a, b) => a - b);
}

/**
 * A `tokenizer.json` of some of its tokens, numbered anew in the order given.
 * @param kept old ids in rising order, chosen by {@link keptTokens}
 */
export function cutTokenizer(json: Rule, kept: readonly number[]): Rule {
  const numbers = new Map(kept.map((old, id) => [old, id]));
  const added = listOf(json['added_tokens']).flatMap((token) => {
    const id = isRule(token) ? numbers.get(Number(token['id'])) : undefined;
    return id === undefined || !isRule(token) ? [] : [{ ...token, id }];
  });
  return {
    ...json,
    added_tokens: added,
    post_processor: renumbered(json['post_processor'], numbers),
    padding: renumbered(json['padding'], numbers),
    model: cutModel(isRule(json['model']) ? json['model'] : {}, numbers),
  };
}

function cutModel(model: Rule, numbers: ReadonlyMap<number, number>): Rule {
  const { vocab, unk_id: unknown } = model;
  if (Array.isArray(vocab))
    return {
      ...model,
      vocab: vocab.filter((_, id) => numbers.has(id)),
      ...(typeof unknown === 'number' ? { unk_id: numbers.get(unknown) } : {}),
    };
  const left = new Map<string, number>();
  for (const [token, id] of idsOf(model)) {
    const now = numbers.get(id);
    if (now !== undefined) left.set(token, now);
  }
  const made: Rule = { ...model, vocab: Object.fromEntries(left) };
  if (kindOf(model) !== 'BPE') return made;
  const prefix = (textOf(model['continuing_subword_prefix']) ?? '').length;
  return { ...made, merges: mergesOf(model).filter(([a, b]) => left.has(a) && left.has(b) && left.has(a + b.slice(prefix))) };
}

/** Ids of special tokens in rules: `ids` of a template, `pad_id`, and pairs of a token and its id. */
function renumbered(value: unknown, numbers: ReadonlyMap<number, number>): unknown {
  if (Array.isArray(value)) {
    const [token, id] = listOf(value);
    if (value.length === 2 && typeof token === 'string' && typeof id === 'number') return [token, numbers.get(id) ?? id];
    return value.map((one: unknown) => renumbered(one, numbers));
  }
  if (!isRule(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      if (key === 'pad_id' && typeof inner === 'number') return [key, numbers.get(inner) ?? inner];
      if (key === 'ids') return [key, listOf(inner).map((id) => numbers.get(Number(id)) ?? id)];
      return [key, renumbered(inner, numbers)];
    }),
  );
}

function idsOf(model: Rule): Map<string, number> {
  const { vocab } = model;
  if (Array.isArray(vocab)) return new Map(vocab.map((entry: unknown, id) => [String(listOf(entry)[0]), id]));
  return new Map(Object.entries(isRule(vocab) ? vocab : {}).map(([token, id]) => [token, Number(id)]));
}

function mergesOf(model: Rule): (readonly [string, string])[] {
  return listOf(model['merges']).map((merge) => {
    const [left, right] = typeof merge === 'string' ? merge.split(' ') : listOf(merge);
    return [String(left), String(right)];
  });
}
