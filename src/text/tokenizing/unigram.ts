import { byteTokens, remembering, type TokenModel } from './model.ts';
import { pieceTrie } from './pieceTrie.ts';

/** How much worse than the worst piece a character without one is, in nats: SentencePiece's. */
const UNKNOWN_PENALTY = 10;
/** Begins a word's first piece. */
export const WORD_MARK = '\u2581';

/** How a Unigram model is set. */
export interface UnigramSettings {
  readonly unknownId: number;
  readonly byteFallback: boolean;
}

/**
 * SentencePiece's Unigram: the pieces of a word whose log probabilities add up to most. Adjacent characters without a piece are one
 * unknown token.
 * @param pieces with their log probabilities, in the order of their ids
 */
export function unigram(pieces: readonly (readonly [string, number])[], { unknownId, byteFallback }: UnigramSettings): TokenModel {
  const ids = new Map<string, number>();
  const scores = new Float64Array(pieces.length);
  let worst = Number.POSITIVE_INFINITY;
  pieces.forEach(([piece, score], id) => {
    ids.set(piece, id);
    scores[id] = score;
    worst = Math.min(worst, score);
  });
  const trie = pieceTrie(ids);
  const unknownScore = worst - UNKNOWN_PENALTY;

  /** Best sum of a way to each place; the place that its last piece begins at; that piece. */
  let best = new Float64Array(0);
  let start = new Int32Array(0);
  let last = new Int32Array(0);
  const encode = (word: string): readonly number[] => {
    const { length } = word;
    if (best.length <= length) {
      best = new Float64Array(2 * length + 1);
      start = new Int32Array(2 * length + 1);
      last = new Int32Array(2 * length + 1);
    }
    start.fill(-1, 0, length + 1);
    best[0] = 0;
    let from = 0;
    const offer = (end: number, id: number, score: number): void => {
      if (start[end] !== -1 && score <= (best[end] ?? 0)) return;
      best[end] = score;
      start[end] = from;
      last[end] = id;
    };
    while (from < length) {
      const here = best[from] ?? 0;
      const size = (word.codePointAt(from) ?? 0) > 0xffff ? 2 : 1;
      let isKnown = false;
      let node = trie.next(0, word.charCodeAt(from));
      for (let end = from + 1; node >= 0; end++) {
        const id = trie.id(node);
        if (id !== -1) {
          offer(end, id, (scores[id] ?? 0) + here);
          if (end === from + size) isKnown = true;
        }
        node = end < length ? trie.next(node, word.charCodeAt(end)) : -1;
      }
      if (!isKnown) offer(from + size, -1, unknownScore + here);
      from += size;
    }
    return idsOf(word);
  };

  const idsOf = (word: string): number[] => {
    const found: number[] = [];
    for (let end = word.length; end > 0;) {
      const begin = start[end] ?? 0;
      const id = last[end] ?? -1;
      if (id !== -1 && id !== unknownId) {
        found.push(id);
        end = begin;
        continue;
      }
      let first = begin;
      while (first > 0 && (last[first] === -1 || last[first] === unknownId)) first = start[first] ?? 0;
      const part = word.slice(first, end);
      const known = ids.get(part);
      const bytes = byteFallback && known === undefined ? byteTokens(part, ids) : undefined;
      found.push(...(bytes?.toReversed() ?? [known ?? unknownId]));
      end = first;
    }
    return found.toReversed();
  };
  return {
    ids,
    unknown: pieces[unknownId]?.[0],
    encode: remembering(encode),
    continues: (token) => !token.startsWith(WORD_MARK),
  };
}
