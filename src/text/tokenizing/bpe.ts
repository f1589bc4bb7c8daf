import { BYTE_LETTERS } from './normalizers.ts';
import { byteTokens, remembering, type TokenModel } from './model.ts';
import { refuse } from './rule.ts';
import { WORD_MARK } from './unigram.ts';

/** How byte-pair encoding is set. */
export interface BpeSettings {
  readonly unknown: string | undefined;
  /** What pieces after a word's first begin with, and the last one ends with. */
  readonly prefix: string;
  readonly suffix: string;
  readonly fuseUnknown: boolean;
  readonly byteFallback: boolean;
  /** A word that is a token stays one. */
  readonly ignoreMerges: boolean;
}

/** More than any id; pairs of ids are one number. */
const PAIR = 2 ** 24;

/**
 * Characters are merged, the pair that comes first in the list of merges first.
 * @throws StudioError naming a merge of tokens that the vocabulary does not have
 */
export function bytePairs(
  ids: ReadonlyMap<string, number>,
  merges: readonly (readonly [string, string])[],
  settings: BpeSettings,
): TokenModel {
  const { unknown, prefix, suffix } = settings;
  /** Of a pair: its rank, and what it becomes. */
  const ranks = new Map<number, readonly [number, number]>();
  merges.forEach(([left, right], rank) => {
    const id = (token: string): number =>
      ids.get(token) ?? refuse('model.merges', 'tokens of the vocabulary', JSON.stringify(token.slice(0, 60)));
    ranks.set(id(left) * PAIR + id(right), [rank, id(left + right.slice(prefix.length))]);
  });
  const unknownId = unknown === undefined ? undefined : ids.get(unknown);

  const characters = (word: string): number[] => {
    const found: number[] = [];
    let pending = false;
    const letters = Array.from(word);
    letters.forEach((letter, index) => {
      const token = (index === 0 ? '' : prefix) + letter + (index === letters.length - 1 ? suffix : '');
      const id = ids.get(token);
      if (id !== undefined) {
        if (pending && unknownId !== undefined) found.push(unknownId);
        pending = false;
        found.push(id);
        return;
      }
      // Unknown characters before stay behind these bytes, as in the library.
      const bytes = settings.byteFallback ? byteTokens(token, ids) : undefined;
      if (bytes !== undefined) found.push(...bytes);
      else if (unknownId !== undefined) {
        if (pending && !settings.fuseUnknown) found.push(unknownId);
        pending = true;
      }
    });
    if (pending && unknownId !== undefined) found.push(unknownId);
    return found;
  };

  const encode = (word: string): readonly number[] => {
    const whole = settings.ignoreMerges ? ids.get(word) : undefined;
    return whole === undefined ? merged(characters(word), ranks) : [whole];
  };
  const space = BYTE_LETTERS[32] ?? '';
  const marks = [WORD_MARK, space].find((mark) => [...ids.keys()].some((token) => token.startsWith(mark) && token.length > 1));
  return {
    ids,
    unknown,
    encode: remembering(encode),
    continues: (token) => (prefix === '' ? marks !== undefined && !token.startsWith(marks) : token.startsWith(prefix)),
  };
}

/** Merges the pair of lowest rank, the leftmost of equals, until none is left. Time: n log n. */
function merged(symbols: number[], ranks: ReadonlyMap<number, readonly [number, number]>): readonly number[] {
  const count = symbols.length;
  const next = Int32Array.from({ length: count }, (_, i) => (i + 1 < count ? i + 1 : -1));
  const previous = Int32Array.from({ length: count }, (_, i) => i - 1);
  const queue: (readonly [rank: number, at: number, made: number])[] = [];
  const isBefore = (a: number, b: number): boolean => {
    const [x, y] = [queue[a], queue[b]];
    return x !== undefined && y !== undefined && (x[0] < y[0] || (x[0] === y[0] && x[1] < y[1]));
  };
  const swap = (a: number, b: number): void => {
    const [x, y] = [queue[a], queue[b]];
    if (x !== undefined && y !== undefined) [queue[a], queue[b]] = [y, x];
  };
  const pairAt = (at: number): readonly [number, number] | undefined => {
    const after = next[at] ?? -1;
    return after < 0 ? undefined : ranks.get((symbols[at] ?? -1) * PAIR + (symbols[after] ?? -1));
  };
  const offer = (at: number): void => {
    const found = pairAt(at);
    if (found === undefined) return;
    queue.push([found[0], at, found[1]]);
    for (let i = queue.length - 1; i > 0 && isBefore(i, (i - 1) >> 1); i = (i - 1) >> 1) swap(i, (i - 1) >> 1);
  };
  for (let at = 0; at < count; at++) offer(at);
  for (let top = queue[0]; top !== undefined; top = queue[0]) {
    const end = queue.pop();
    if (end !== undefined && queue.length > 0) {
      queue[0] = end;
      for (let i = 0; ;) {
        const [left, right] = [2 * i + 1, 2 * i + 2];
        let least = i;
        if (isBefore(left, least)) least = left;
        if (isBefore(right, least)) least = right;
        if (least === i) break;
        swap(i, least);
        i = least;
      }
    }
    const [, at, made] = top;
    const after = next[at] ?? -1;
    // Merges since may have changed what is here.
    if (pairAt(at)?.[1] !== made) continue;
    symbols[at] = made;
    symbols[after] = -1;
    const beyond = next[after] ?? -1;
    next[at] = beyond;
    next[after] = -1;
    if (beyond >= 0) previous[beyond] = at;
    offer(previous[at] ?? -1);
    offer(at);
  }
  return symbols.filter((id) => id >= 0);
}
