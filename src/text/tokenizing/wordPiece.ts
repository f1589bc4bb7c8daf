import { remembering, type TokenModel } from './model.ts';

/** Of BERT's pieces after the first of a word. */
export const CONTINUATION = '##';

/** How WordPiece is set. */
export interface WordPieceSettings {
  readonly unknown: string;
  /** What pieces after a word's first begin with. */
  readonly prefix: string;
  /** A word of more characters is unknown. */
  readonly longestWord: number;
}

/** The longest piece that a word begins with, then of the rest; a word with a part that is none is unknown as a whole. */
export function wordPiece(ids: ReadonlyMap<string, number>, { unknown, prefix, longestWord }: WordPieceSettings): TokenModel {
  const tails = new Map<string, number>();
  let longest = 0;
  for (const [token, id] of ids) {
    longest = Math.max(longest, token.length);
    if (token.startsWith(prefix)) tails.set(token.slice(prefix.length), id);
  }
  const id = ids.get(unknown) ?? -1;
  const encode = (word: string): readonly number[] => {
    if (word.length > longestWord && Array.from(word).length > longestWord) return [id];
    const pieces: number[] = [];
    for (let from = 0; from < word.length;) {
      const table = from === 0 ? ids : tails;
      let end = Math.min(word.length, from + longest);
      let found = table.get(word.slice(from, end));
      while (found === undefined && end > from + 1) {
        end -= 1;
        found = table.get(word.slice(from, end));
      }
      if (found === undefined) return [id];
      pieces.push(found);
      from = end;
    }
    return pieces;
  };
  return { ids, unknown, encode: remembering(encode), continues: (token) => prefix !== '' && token.startsWith(prefix) };
}

/** Whole words. */
export function wordLevel(ids: ReadonlyMap<string, number>, unknown: string): TokenModel {
  const id = ids.get(unknown) ?? -1;
  return {
    ids,
    unknown,
    encode: (word, into) => {
      into.push(ids.get(word) ?? id);
    },
    continues: () => false,
  };
}
