import { SPACE, WORD } from './characters.ts';
import { escaped, expressionOf, inPieces, type Expression } from './expressions.ts';
import { LIBRARY_PUNCTUATION as PUNCTUATION } from './libraryCharacters.ts';
import { byteLetters } from './normalizers.ts';
import { isRule, listOf, refuse, textOf, unknownKind } from './rule.ts';

/** Where a text begins in the first of its pieces; splitters that take characters away there say so here. */
export interface Begin {
  /** So many UTF-16 units at the piece's begin stem from the text's first character: 0 if it begins elsewhere. */
  lead: number;
}

/** Pieces of a text as a `pre_tokenizer` cuts and rewrites them; none is empty. */
export type Split = (pieces: readonly string[], begin: Begin) => readonly string[];

const ROOM = 'pre_tokenizer';
const BEHAVIORS = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'] as const;
type Behavior = (typeof BEHAVIORS)[number];

/** GPT-2's, with Unicode's white space. */
const BYTE_LEVEL = new RegExp(
  `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^${SPACE}\\p{L}\\p{N}]+|[${SPACE}]+(?![^${SPACE}])|[${SPACE}]+`,
  'gu',
);

/**
 * The function that a `pre_tokenizer` of a `tokenizer.json` stands for, with the results of the `tokenizers` library.
 * @throws StudioError naming a rule that is not read
 */
export function splitterOf(rule: unknown): Split {
  if (rule === null || rule === undefined) return (pieces) => pieces;
  const settings = isRule(rule) ? rule : {};
  switch (settings['type']) {
    case 'Sequence': {
      const steps = listOf(settings['pretokenizers']).map(splitterOf);
      return (pieces, begin) => steps.reduce((made, step) => step(made, begin), pieces);
    }
    case 'BertPreTokenizer':
      return matches(`[^${SPACE}${PUNCTUATION}]+|[${PUNCTUATION}]`);
    case 'Whitespace':
      return matches(`[${WORD}]+|[^${WORD}${SPACE}]+`);
    case 'WhitespaceSplit':
      return matches(`[^${SPACE}]+`);
    case 'Digits':
      return cutting(own('\\p{N}'), settings['individual_digits'] === true ? 'Isolated' : 'Contiguous', false);
    case 'Punctuation':
      return cutting(own(`[${PUNCTUATION}]`), behaviorOf('Punctuation', settings['behavior'] ?? 'Isolated'), false);
    case 'CharDelimiterSplit':
      return cutting(
        own(escaped(textOf(settings['delimiter']) ?? refuse(`${ROOM}, CharDelimiterSplit`, 'a delimiter', 'none'))),
        'Removed',
        false,
      );
    case 'FixedLength':
      return matches(`[^]{1,${lengthOf(settings['length'])}}`);
    case 'Split':
      return cutting(
        expressionOf(`${ROOM}, Split`, settings['pattern']),
        behaviorOf('Split', settings['behavior']),
        settings['invert'] === true,
      );
    case 'Metaspace':
      return metaspace(settings);
    case 'ByteLevel':
      return byteLevel(settings['add_prefix_space'] !== false, settings['use_regex'] !== false);
    default:
      return unknownKind(ROOM, rule);
  }
}

function own(source: string): Expression {
  return { regex: new RegExp(source, 'gu'), linear: true };
}

function lengthOf(value: unknown): number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 2 ** 20
    ? value
    : refuse(`${ROOM}, FixedLength`, 'a length of 1 or more', JSON.stringify(value) ?? 'none');
}

function behaviorOf(kind: string, value: unknown): Behavior {
  return (
    BEHAVIORS.find((one) => one === value || one.toLowerCase() === value) ??
    refuse(`${ROOM}, ${kind}`, `behavior ${BEHAVIORS.join(', ')}`, JSON.stringify(value) ?? 'none')
  );
}

/** Each piece cut on its own. */
function each(cut: (piece: string) => readonly string[]): Split {
  return (pieces, begin) => {
    const [first = ''] = pieces;
    const made = pieces.length === 1 ? cut(first) : pieces.flatMap(cut);
    if (begin.lead > 0) begin.lead = Math.max(0, begin.lead - first.indexOf(made[0] ?? ''));
    return made;
  };
}

/** Keeps what an expression matches, and nothing else. */
function matches(source: string): Split {
  const { regex } = own(source);
  return each((piece) => piece.match(regex) ?? []);
}

function cutting(expression: Expression, behavior: Behavior, invert: boolean): Split {
  return each((piece) => inPieces(piece, expression, (part) => cutAt(part, expression.regex, behavior, invert)).flat());
}

/** The library's five ways to treat matches. With `invert`, what lies between matches counts as matches. */
function cutAt(text: string, regex: RegExp, behavior: Behavior, invert: boolean): string[] {
  const ends: number[] = [];
  const matched: boolean[] = [];
  const add = (end: number, isMatch: boolean): void => {
    ends.push(end);
    matched.push(isMatch !== invert);
  };
  let at = 0;
  for (const found of text.matchAll(regex)) {
    const end = found.index + found[0].length;
    // What is empty right behind a match is none.
    if (found[0] === '' && matched.length > 0 && ends.at(-1) === end) continue;
    if (found.index > at) add(found.index, false);
    add(end, true);
    at = end;
  }
  if (at < text.length) add(text.length, false);
  return joined(text, ends, matched, behavior).filter((piece) => piece !== '');
}

function joined(text: string, ends: readonly number[], matched: readonly boolean[], behavior: Behavior): string[] {
  const part = (i: number): string => text.slice(ends[i - 1] ?? 0, ends[i]);
  if (behavior === 'Isolated') return ends.map((_, i) => part(i));
  if (behavior === 'Removed') return ends.flatMap((_, i) => (matched[i] === true ? [] : [part(i)]));
  const pieces: string[] = [];
  const backwards = behavior === 'MergedWithNext';
  let previous = false;
  for (let step = 0; step < ends.length; step++) {
    const i = backwards ? ends.length - 1 - step : step;
    const isMatch = matched[i] === true;
    const joins = behavior === 'Contiguous' ? isMatch === previous : isMatch && !previous;
    const last = pieces.at(-1);
    if (joins && last !== undefined) pieces[pieces.length - 1] = backwards ? part(i) + last : last + part(i);
    else pieces.push(part(i));
    previous = isMatch;
  }
  return backwards ? pieces.toReversed() : pieces;
}

/** SentencePiece's: spaces become a mark that begins words. */
function metaspace(settings: Readonly<Record<string, unknown>>): Split {
  const mark = textOf(settings['replacement']) ?? '\u2581';
  if (Array.from(mark).length !== 1) refuse(`${ROOM}, Metaspace`, 'a replacement of one character', JSON.stringify(mark));
  const said = settings['prepend_scheme'] ?? 'always';
  // The older setting says less.
  const scheme = settings['add_prefix_space'] === false && said === 'always' ? 'never' : said;
  if (scheme !== 'always' && scheme !== 'first' && scheme !== 'never')
    refuse(`${ROOM}, Metaspace`, 'prepend_scheme always, first or never', JSON.stringify(scheme));
  const word = new RegExp(`${escaped(mark)}[^${escaped(mark)}]*|[^${escaped(mark)}]+`, 'gu');
  const cuts = settings['split'] !== false;
  return (pieces, begin) =>
    pieces.flatMap((piece, index) => {
      const marked = piece.replaceAll(' ', () => mark);
      const begins = scheme === 'always' || (scheme === 'first' && index === 0 && begin.lead > 0);
      const whole = begins && !marked.startsWith(mark) ? mark + marked : marked;
      return cuts ? (whole.match(word) ?? []) : [whole];
    });
}

function byteLevel(prefix: boolean, cuts: boolean): Split {
  return (pieces) =>
    pieces.flatMap((piece) => {
      const whole = prefix && !piece.startsWith(' ') ? ` ${piece}` : piece;
      return (cuts ? (whole.match(BYTE_LEVEL) ?? []) : [whole]).map(byteLetters);
    });
}
