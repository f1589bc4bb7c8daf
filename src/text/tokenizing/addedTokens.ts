import { SPACE, WORD } from './characters.ts';
import type { Normalize } from './normalizers.ts';
import { isRule, listOf, textOf } from './rule.ts';

/** A token that is found in the text before any rule cuts it. */
export interface AddedToken {
  readonly content: string;
  readonly id: number;
  readonly special: boolean;
  /** It is looked for in the normalised text. */
  readonly normalized: boolean;
  readonly singleWord: boolean;
  /** White space on that side is part of it. */
  readonly left: boolean;
  readonly right: boolean;
}

/** A part of a text: an added token's id, or text between, with the place that it begins at. */
export type Section = { readonly id: number } | { readonly text: string; readonly at: number };

const ENDS_WITH_WORD = new RegExp(`[${WORD}]$`, 'u');
const BEGINS_WITH_WORD = new RegExp(`^[${WORD}]`, 'u');
const IS_SPACE = new RegExp(`^[${SPACE}]$`, 'u');

/** The `added_tokens` of a `tokenizer.json`, those without an id or a text left out. */
export function addedTokensOf(json: Readonly<Record<string, unknown>>): AddedToken[] {
  return listOf(json['added_tokens']).flatMap((token) => {
    if (!isRule(token)) return [];
    const { id, content: given } = token;
    const content = textOf(given) ?? '';
    const special = token['special'] === true;
    if (content === '' || typeof id !== 'number') return [];
    return [
      {
        content,
        id,
        special,
        normalized: typeof token['normalized'] === 'boolean' ? token['normalized'] : !special,
        singleWord: token['single_word'] === true,
        left: token['lstrip'] === true,
        right: token['rstrip'] === true,
      },
    ];
  });
}

/**
 * Cuts a text at added tokens: the leftmost first, of several at a place the longest.
 * @param normalize what their contents go through, if they are looked for in normalised text
 */
export function sectionsBy(tokens: readonly AddedToken[], normalize?: Normalize): (text: string) => readonly Section[] {
  /** By their first character; the longest first, of equals a special one. */
  const byFirst = new Map<string, (readonly [content: string, token: AddedToken])[]>();
  for (const token of [...tokens].sort((a, b) => Number(b.special) - Number(a.special))) {
    const content = normalize === undefined ? token.content : normalize(token.content);
    const first = content.charAt(0);
    if (first !== '') byFirst.set(first, [...(byFirst.get(first) ?? []), [content, token]]);
  }
  for (const list of byFirst.values()) list.sort(([a], [b]) => b.length - a.length);
  if (byFirst.size === 0) return (text) => (text === '' ? [] : [{ text, at: 0 }]);
  const firsts = new RegExp(`[${[...byFirst.keys()].map((letter) => `\\u${hex(letter)}`).join('')}]`, 'g');

  return (text) => {
    const sections: Section[] = [];
    let done = 0;
    firsts.lastIndex = 0;
    for (let hit = firsts.exec(text); hit !== null; hit = firsts.exec(text)) {
      const found = byFirst.get(hit[0])?.find(([content]) => text.startsWith(content, hit.index));
      if (found === undefined) continue;
      const [content, token] = found;
      let from = hit.index;
      let end = from + content.length;
      firsts.lastIndex = end;
      if (
        token.singleWord &&
        (ENDS_WITH_WORD.test(text.slice(Math.max(0, from - 2), from)) || BEGINS_WITH_WORD.test(text.slice(end, end + 2)))
      )
        continue;
      if (token.left) while (from > done && IS_SPACE.test(text.charAt(from - 1))) from -= 1;
      if (token.right) while (end < text.length && IS_SPACE.test(text.charAt(end))) end += 1;
      if (from > done) sections.push({ text: text.slice(done, from), at: done });
      sections.push({ id: token.id });
      done = end;
    }
    if (done < text.length) sections.push({ text: text.slice(done), at: done });
    return sections;
  };
}

function hex(letter: string): string {
  return letter.charCodeAt(0).toString(16).padStart(4, '0');
}
