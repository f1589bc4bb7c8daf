import { RegExpParser, type AST } from '@eslint-community/regexpp';

/**
 * A bound on what a backtracking matcher may try from one place of a text: about `paths * n ** loops` times the length of the
 * expression, n the characters that follow.
 */
export interface Effort {
  /** Ways to match that differ by more than how far an endless repetition goes. */
  readonly paths: number;
  /** Endless repetitions, one after another, on the worst way. Infinity where one holds choices of its own: time is exponential. */
  readonly loops: number;
  /** Nothing follows an endless repetition, so that none is given up again: time is in proportion to the text. */
  readonly linear: boolean;
}

type Ways = Omit<Effort, 'linear'>;

const NOTHING: Ways = { paths: 1, loops: 0 };
const parser = new RegExpParser();

/**
 * Errs on the high side: choices that exclude each other count as if they did not.
 * @throws SyntaxError as the RegExp constructor does
 */
export function effortOf(expression: RegExp): Effort {
  const { unicode, unicodeSets } = expression;
  const { alternatives } = parser.parsePattern(expression.source, 0, expression.source.length, { unicode, unicodeSets });
  return { ...ofAny(alternatives), linear: alternatives.every(isLinear) };
}

function isLinear({ elements }: AST.Alternative): boolean {
  return elements.every((element, index) => {
    if (ofElement(element).loops === 0) return true;
    if (index < elements.length - 1) return false;
    if (element.type === 'Quantifier') return isChoiceless(element.element);
    return (element.type === 'Group' || element.type === 'CapturingGroup') && element.alternatives.every(isLinear);
  });
}

/** Ways of alternatives add up. */
function ofAny(alternatives: readonly AST.Alternative[]): Ways {
  const efforts = alternatives.map(({ elements }) => inTurn(elements.map(ofElement)));
  return { paths: efforts.reduce((sum, { paths }) => sum + paths, 0), loops: Math.max(0, ...efforts.map(({ loops }) => loops)) };
}

/** Ways of what follows one another multiply. */
function inTurn(efforts: readonly Ways[]): Ways {
  return efforts.reduce(({ paths, loops }, next) => ({ paths: paths * next.paths, loops: loops + next.loops }), NOTHING);
}

function ofElement(element: AST.Element): Ways {
  switch (element.type) {
    case 'Group':
    case 'CapturingGroup':
      return ofAny(element.alternatives);
    case 'Assertion':
      // Looking ahead or behind may take long, but is never tried again in another way.
      return element.kind === 'lookahead' || element.kind === 'lookbehind' ? ofAny(element.alternatives) : NOTHING;
    case 'Quantifier':
      return repeated(ofElement(element.element), element.min, element.max, isChoiceless(element.element));
    case 'Backreference':
      // Compares as many characters as its group has.
      return { paths: 1, loops: 1 };
    case 'Character':
    case 'CharacterClass':
    case 'CharacterSet':
    case 'ExpressionCharacterClass':
      return NOTHING;
  }
}

function repeated({ paths, loops }: Ways, min: number, max: number, choiceless: boolean): Ways {
  if (max === Infinity) return loops === 0 && choiceless ? { paths: 1, loops: 1 } : { paths, loops: Infinity };
  let all = 0;
  // Past any limit that a caller may have, the sum need not be right.
  for (let times = min; times <= max && all < 1e9; times++) all += paths ** times;
  return { paths: Math.max(1, all), loops: max * loops };
}

/** Whether it can match at a place in one way only, of a length of its own. */
function isChoiceless(element: AST.QuantifiableElement): boolean {
  if (element.type === 'Group' || element.type === 'CapturingGroup') {
    const [only, ...others] = element.alternatives;
    return (
      only !== undefined &&
      others.length === 0 &&
      only.elements.every(
        (part) => part.type === 'Assertion' || (part.type !== 'Quantifier' && part.type !== 'Backreference' && isChoiceless(part)),
      )
    );
  }
  return element.type !== 'Assertion';
}
