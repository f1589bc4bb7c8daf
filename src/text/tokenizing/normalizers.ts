import { IDEOGRAPHS, SPACE } from './characters.ts';
import { charsMap } from './charsmap.ts';
import { expressionOf, inPieces } from './expressions.ts';
import { LIBRARY_ACCENTS, LIBRARY_CONTROL, LIBRARY_MARKS, UNKNOWN_FORMS } from './libraryCharacters.ts';
import { isRule, listOf, refuse, textOf, unknownKind } from './rule.ts';

/** A text as a `normalizer` rewrites it. */
export type Normalize = (text: string) => string;

const ROOM = 'normalizer';
const PLAIN = /^[ -~\s]*$/;
const ASCII = /^[\0-\x7F]*$/;
const DROPPED = new RegExp(`[${LIBRARY_CONTROL}]`, 'gu');
const WHITE = new RegExp(`[${SPACE}]`, 'gu');
const IDEOGRAPH = new RegExp(`[${IDEOGRAPHS}]`, 'gu');
const ACCENTS = new RegExp(`[${LIBRARY_ACCENTS}]`, 'gu');
const MARKS = new RegExp(`[${LIBRARY_MARKS}]`, 'gu');
const UNKNOWN_FORM = new RegExp(`([${UNKNOWN_FORMS}])`, 'u');
const LEADING = new RegExp(`^[${SPACE}]+`, 'u');
const TRAILING = new RegExp(`(?<![${SPACE}])[${SPACE}]+$`, 'u');
/** Control characters, of the second set two alone. */
const NMT_DROPPED = /(?![\0\t\n\f\r\u0080-\u008E\u0090-\u009E])\p{Cc}/gu;
const NMT_SPACES = /[\t\n\f\r\u1680\u200B-\u200F\u2028\u2029\u2581\uFEFF\uFFFD]/g;

/**
 * The function that a `normalizer` of a `tokenizer.json` stands for, with the results of the `tokenizers` library.
 * @param withMap false leaves maps of characters out
 * @throws StudioError naming a rule that is not read
 */
export function normalizerOf(rule: unknown, withMap = true): Normalize {
  if (rule === null || rule === undefined) return (text) => text;
  const settings = isRule(rule) ? rule : {};
  switch (settings['type']) {
    case 'Sequence': {
      const steps = listOf(settings['normalizers']).map((one) => normalizerOf(one, withMap));
      return (text) => steps.reduce((made, step) => step(made), text);
    }
    case 'BertNormalizer':
      return bert(settings);
    case 'Lowercase':
      return lowered;
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD': {
      const form = settings['type'];
      return (text) => inForm(text, form);
    }
    case 'StripAccents':
      return (text) => text.replace(MARKS, '');
    case 'Strip': {
      const [left, right] = [settings['strip_left'] !== false, settings['strip_right'] !== false];
      return (text) => {
        const from = left ? text.replace(LEADING, '') : text;
        return right ? from.replace(TRAILING, '') : from;
      };
    }
    case 'Prepend': {
      const before = textOf(settings['prepend']) ?? '';
      return (text) => (text === '' ? text : before + text);
    }
    case 'Nmt':
      return (text) => text.replace(NMT_DROPPED, '').replace(NMT_SPACES, ' ');
    case 'Precompiled':
      return withMap ? charsMap(textOf(settings['precompiled_charsmap']) ?? '') : (text) => text;
    case 'Replace':
      return replacing(settings['pattern'], textOf(settings['content']) ?? refuse(`${ROOM}, Replace`, 'content', 'none'));
    case 'ByteLevel':
      return byteLetters;
    default:
      return unknownKind(ROOM, rule);
  }
}

/** Accents go with the case unless said. */
function bert(settings: Readonly<Record<string, unknown>>): Normalize {
  const on = (name: string): boolean => settings[name] !== false;
  const [clean, ideographs, lower] = [on('clean_text'), on('handle_chinese_chars'), on('lowercase')];
  const accents = typeof settings['strip_accents'] === 'boolean' ? settings['strip_accents'] : lower;
  return (text) => {
    // Nothing but case and white space changes in such a text, and most texts are such.
    if (PLAIN.test(text) && ASCII.test(text)) {
      const spaced = clean ? text.replace(/\s/g, ' ') : text;
      return lower ? spaced.toLowerCase() : spaced;
    }
    let made = text;
    if (clean) made = made.replace(DROPPED, '').replace(WHITE, ' ');
    if (ideographs) made = made.replace(IDEOGRAPH, ' $& ');
    if (accents) made = inForm(made, 'NFD').replace(ACCENTS, '');
    return lower ? lowered(made) : made;
  };
}

function inForm(text: string, form: 'NFC' | 'NFD' | 'NFKC' | 'NFKD'): string {
  if (!UNKNOWN_FORM.test(text)) return text.normalize(form);
  return text
    .split(UNKNOWN_FORM)
    .map((part, index) => (index % 2 === 1 ? part : part.normalize(form)))
    .join('');
}

/** Letter by letter: JavaScript lowers the last sigma of a word to another letter. */
function lowered(text: string): string {
  return text.replaceAll('Σ', 'σ').toLowerCase();
}

function replacing(pattern: unknown, content: string): Normalize {
  // The library finds an empty text nowhere.
  if (isRule(pattern) && pattern['String'] === '') return (text) => text;
  const expression = expressionOf(`${ROOM}, Replace`, pattern);
  return (text) => inPieces(text, expression, (piece) => piece.replaceAll(expression.regex, () => content)).join('');
}

/** A letter for each byte: printable characters of Latin 1 for themselves, letters from U+0100 on for the rest. */
export const BYTE_LETTERS: readonly string[] = (() => {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCharCode((byte > 32 && byte < 127) || (byte > 160 && byte !== 173) ? byte : next++),
  );
})();

const encoder = new TextEncoder();

/** A text's bytes of UTF-8 as letters. */
export function byteLetters(text: string): string {
  let made = '';
  for (const byte of encoder.encode(text)) made += BYTE_LETTERS[byte] ?? '';
  return made;
}
