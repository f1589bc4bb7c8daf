/** A word to the ids of its pieces. */
export interface TokenModel {
  /** Every token of the vocabulary with its id. */
  readonly ids: ReadonlyMap<string, number>;
  /** Name of the token for what has none. */
  readonly unknown: string | undefined;
  /** Appends the ids of a word that is not empty. */
  encode(word: string, into: number[]): void;
  /** Whether a token continues a word. */
  continues(token: string): boolean;
}

/** Words that are remembered with their ids; texts repeat theirs. */
const MOST_REMEMBERED = 1 << 16;
const LONGEST_REMEMBERED = 64;

/** Remembers the ids of words. */
export function remembering(encode: (word: string) => readonly number[]): (word: string, into: number[]) => void {
  const remembered = new Map<string, readonly number[]>();
  return (word, into) => {
    let ids = remembered.get(word);
    if (ids === undefined) {
      ids = encode(word);
      if (word.length <= LONGEST_REMEMBERED) {
        if (remembered.size >= MOST_REMEMBERED) remembered.clear();
        remembered.set(word, ids);
      }
    }
    for (const id of ids) into.push(id);
  };
}

/** Tokens `<0x00>` to `<0xFF>` as they stand for the bytes of a text; undefined if one is not in the vocabulary. */
export function byteTokens(text: string, ids: ReadonlyMap<string, number>): number[] | undefined {
  const found: number[] = [];
  for (const byte of new TextEncoder().encode(text)) {
    const id = ids.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
    if (id === undefined) return undefined;
    found.push(id);
  }
  return found;
}
