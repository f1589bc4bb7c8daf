import type { TextTokenizer } from '../../text/tokenizer.ts';
import type { SentenceModules } from './sentenceModules.ts';

/** The tokenizer of a sentence: with the prompt before it, in lower case if the folder says so. */
export function sentenceTokenizer(tokenizer: TextTokenizer, { lowercase }: SentenceModules, prompt: string): TextTokenizer {
  return {
    ...tokenizer,
    encode: (text) => tokenizer.encode(lowercase ? (prompt + text).toLowerCase() : prompt + text),
  };
}

/**
 * Ids of sentences with the special tokens around each.
 * @param tokenizer of sentences   @param longest most tokens of one, special ones included
 * @returns the ids, and how many sentences were longer and were cut
 */
export function sentenceTokens(
  tokenizer: TextTokenizer,
  longest: number,
  sentences: readonly string[],
): { readonly ids: Int32Array[]; readonly cut: number } {
  const { classify, separate } = tokenizer.special;
  let cut = 0;
  const ids = sentences.map((sentence) => {
    const found = tokenizer.encode(sentence);
    if (found.length > longest - 2) cut += 1;
    return Int32Array.from([classify, ...found.slice(0, longest - 2), separate]);
  });
  return { ids, cut };
}
