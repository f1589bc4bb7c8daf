import { SplitPreTokenizer } from '@huggingface/tokenizers';
import { shownName } from '../../tensor/shown.ts';
import { effortOf } from '../regexEffort.ts';
import { isRule, refuse } from './rule.ts';

/** Ways that an expression may try at a place. */
const MOST_PATHS = 1000;
/** Characters that an expression which may take their square is given at once. */
const LONGEST_PIECE = 4096;
const CURE = "Take the teacher's original file, or vocab.txt in its place.";

/** An expression of a `tokenizer.json`, in JavaScript's words. */
export interface Expression {
  readonly regex: RegExp;
  /** It takes time in proportion to the text, however long that is. */
  readonly linear: boolean;
}

/**
 * The pattern of a rule: a text that is looked for as it is, or an expression in the words of Oniguruma.
 * @param room names the rule in errors
 * @throws StudioError if it is neither, not read, or could take longer than the square of a text's length
 */
export function expressionOf(room: string, pattern: unknown): Expression {
  const given = isRule(pattern) ? pattern : {};
  const { String: text, Regex: source } = given;
  if (typeof text === 'string') return { regex: new RegExp(escaped(text), 'gu'), linear: true };
  if (typeof source !== 'string') return refuse(room, 'a pattern, String or Regex', JSON.stringify(pattern) ?? 'none', CURE);
  const regex = translated(room, source);
  const { paths, loops, linear } = effortOf(regex);
  if (loops > 1 || paths > MOST_PATHS)
    refuse(
      `the expression ${shownName(regex.source)}`,
      'one that is matched in bounded time: endless repetitions (*, +) of single characters only, no two one after another',
      Number.isFinite(loops) && paths <= MOST_PATHS ? 'several repetitions one after another' : 'choices within a repetition',
      CURE,
    );
  return { regex, linear };
}

/** The library for JavaScript knows Oniguruma's words; its own steps are not used. */
function translated(room: string, source: string): RegExp {
  try {
    const { pattern } = new SplitPreTokenizer({ type: 'Split', pattern: { Regex: source }, behavior: 'Isolated', invert: false });
    if (pattern !== null) return pattern;
  } catch (error) {
    refuse(
      room,
      'an expression that can be used',
      `${shownName(source)} (${error instanceof Error ? error.message : String(error)})`,
      CURE,
    );
  }
  return refuse(room, 'an expression that can be used', shownName(source), CURE);
}

export function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

/**
 * Gives a text to a function that runs an expression, in pieces if the expression's time may grow with the square of their length.
 * They are cut at spaces if there are some.
 */
export function inPieces<T>(text: string, { linear }: Expression, run: (piece: string) => T): T[] {
  if (linear || text.length <= LONGEST_PIECE) return [run(text)];
  const found: T[] = [];
  for (let from = 0; from < text.length;) {
    const most = from + LONGEST_PIECE;
    const space = most < text.length ? text.lastIndexOf(' ', most) : text.length;
    const end = space > from ? space : most;
    found.push(run(text.slice(from, end)));
    from = end;
  }
  return found;
}
