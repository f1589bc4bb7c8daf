/**
 * Classes of characters as the `tokenizers` library has them, for the inside of an expression's brackets (flag `u`). Those that
 * differ from Unicode's are in `libraryCharacters.ts`.
 */

/** White space of Unicode, which is not JavaScript's `\s`. */
export const SPACE = '\\p{White_Space}';
/** `\w` of Rust's expressions. */
export const WORD = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}';
/** Ideographs that BERT takes as words of their own. The gap before U+2B920 is the library's. */
export const IDEOGRAPHS =
  '\\u4E00-\\u9FFF\\u3400-\\u4DBF\\u{20000}-\\u{2A6DF}\\u{2A700}-\\u{2B81F}\\u{2B920}-\\u{2CEAF}\\uF900-\\uFAFF\\u{2F800}-\\u{2FA1F}';
