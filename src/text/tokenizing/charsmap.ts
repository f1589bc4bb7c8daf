import { refuse } from './rule.ts';

/** A text as SentencePiece's compiled map of characters rewrites it. */
export type CharsMap = (text: string) => string;

/** Characters of a grapheme that are looked up together are fewer bytes than this. */
const LONGEST_GRAPHEME = 6;
/** Remembered answers; texts have few characters that differ. */
const MOST_REMEMBERED = 1 << 16;

/**
 * A grapheme of few bytes: a character with marks that combine with it. Longer kinds (Hangul, flags, emoji) never are.
 * Control characters take no marks.
 */
const GRAPHEME =
  /\r\n|(?![\p{Cc}\p{Cf}\p{Zl}\p{Zp}])[^](?:[\p{Grapheme_Extend}\p{Emoji_Modifier}\p{Mc}\u200D\u0E33\u0EB3])*|[\u200C\u200D](?:[\p{Grapheme_Extend}\p{Emoji_Modifier}\p{Mc}\u200D\u0E33\u0EB3])*|[^]/uy;

/**
 * Reads the `precompiled_charsmap` of a `Precompiled` normalizer: a double-array trie over bytes, and texts that end with a zero.
 * As the `tokenizers` library does, a grapheme of up to 5 bytes becomes what its *shortest* prefix in the map becomes, whole; what
 * is longer goes character by character.
 * @throws StudioError if it is no such map
 */
export function charsMap(base64: string): CharsMap {
  const bytes = bytesOf(base64);
  const view = new DataView(bytes.buffer);
  const size = bytes.length < 4 ? 0 : view.getUint32(0, true);
  if (bytes.length < 4 || size % 4 !== 0 || size > bytes.length - 4)
    refuse('normalizer, Precompiled', 'a map of characters', `${bytes.length} bytes that are none`);
  const trie = Uint32Array.from({ length: size / 4 }, (_, at) => view.getUint32(4 + 4 * at, true));
  const texts = bytes.subarray(4 + size);
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();

  const find = (part: string): string | null => {
    const start = shortestPrefix(trie, encoder.encode(part));
    if (start === undefined || start >= texts.length) return null;
    const end = texts.indexOf(0, start);
    return decoder.decode(texts.subarray(start, end < 0 ? texts.length : end));
  };
  const remembered = new Map<string, string | null>();
  const lookUp = (part: string): string | null => {
    const known = remembered.get(part);
    if (known !== undefined) return known;
    if (remembered.size >= MOST_REMEMBERED) remembered.clear();
    const found = find(part);
    remembered.set(part, found);
    return found;
  };
  const plain = Array.from({ length: 128 }, (_, code) => code !== 13 && lookUp(String.fromCharCode(code)) === null);
  const grapheme = (part: string): string => {
    const whole = part.length < LONGEST_GRAPHEME && encoder.encode(part).length < LONGEST_GRAPHEME ? lookUp(part) : null;
    if (whole !== null) return whole;
    let made = '';
    for (const character of part) made += lookUp(character) ?? character;
    return made;
  };
  return (text) => {
    let made = '';
    let from = 0;
    for (let at = 0; at < text.length;) {
      // A plain character stays, unless a mark follows; most of a text is such.
      if (plain[text.charCodeAt(at)] === true && !(text.charCodeAt(at + 1) > 127)) {
        at += 1;
        continue;
      }
      GRAPHEME.lastIndex = at;
      const part = GRAPHEME.exec(text)?.[0] ?? text.charAt(at);
      const other = grapheme(part);
      if (other !== part) {
        made += text.slice(from, at) + other;
        from = at + part.length;
      }
      at += part.length;
    }
    return from === 0 ? text : made + text.slice(from);
  };
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  } catch {
    return refuse('normalizer, Precompiled', 'base64', 'something else');
  }
}

/** Where the text of the shortest key that `key` begins with starts; undefined if there is none. The trie is Darts-clone's. */
function shortestPrefix(trie: Uint32Array, key: Uint8Array): number | undefined {
  const offset = (unit: number): number => (unit >>> 10) << ((unit & 512) >>> 6);
  let place = offset(trie[0] ?? 0);
  for (const byte of key) {
    if (byte === 0) return undefined;
    place ^= byte;
    const unit = trie[place];
    if (unit === undefined || (unit & 0x800000ff) >>> 0 !== byte) return undefined;
    place ^= offset(unit);
    if (((unit >>> 8) & 1) === 1) return (trie[place] ?? 0) & 0x7fffffff;
  }
  return undefined;
}
