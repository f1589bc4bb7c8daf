import { shownName } from '../tensor/shown.ts';
import { StudioError } from '../tensor/studioError.ts';
import { effortOf } from './regexEffort.ts';

/** Steps that normalise and split a text; tokenizers of BERTs have up to ten. */
const MOST_STEPS = 50;
/** Characters of an expression: reading one takes the square of it. */
const LONGEST_RULE = 4096;
/** Characters of a word that WordPiece takes apart, in the cube of them. BERT's are 100. */
const LONGEST_WORD = 256;
const LONGEST_ADDED_TOKEN = 256;
/** How many times longer than the text what the steps make of it may be. */
const MOST_GROWTH = 16;
/** Ways that an expression may try at a place. */
const MOST_PATHS = 1000;
/** Characters that a tokenizer with expressions of its own is given at once: they may take the square of it. */
export const LONGEST_PIECE = 4096;

type Step = Readonly<Record<string, unknown>>;

const isStep = (value: unknown): value is Step => typeof value === 'object' && value !== null && !Array.isArray(value);

function refuse(what: string, expected: string, got: string): never {
  throw new StudioError(
    'tokenizer',
    `tokenizer.json: ${what} — expected ${expected}, got ${got}. Take the teacher's original file, or vocab.txt in its place.`,
  );
}

/**
 * Refuses a `tokenizer.json` that could take for ever, or memory without end, on a text of ordinary length, before anything is
 * made of it. Its expressions are judged by {@link checkExpressions}.
 *
 * @returns how many expressions of its own it has
 * @throws StudioError `tokenizer`, naming the rule
 */
export function checkRules(json: object): number {
  const { normalizer, pre_tokenizer: splitter, decoder, model, added_tokens: added }: Step = { ...json };
  let growth = 1;
  let steps = 0;
  let expressions = 0;
  const walk = (value: unknown, room: string): void => {
    if (Array.isArray(value)) value.forEach((one) => walk(one, room));
    if (!isStep(value)) return;
    if ('type' in value) steps += 1;
    if (steps > MOST_STEPS) refuse(room, `at most ${MOST_STEPS} steps`, 'more');
    if (value['type'] === 'FixedLength' && !(Number.isInteger(value['length']) && Number(value['length']) > 0))
      refuse(`${room}, FixedLength`, 'a length of 1 or more', JSON.stringify(value['length']) ?? 'none');
    for (const key of ['content', 'prepend', 'replacement', 'str_rep'])
      if (typeof value[key] === 'string' && room !== 'decoder') growth *= 1 + value[key].length;
    for (const key of ['Regex', 'String'])
      if (typeof value[key] === 'string' && value[key].length > LONGEST_RULE)
        refuse(`${room}, ${key}`, `at most ${LONGEST_RULE} characters`, `${value[key].length}`);
    if (value['Regex'] !== undefined) expressions += 1;
    for (const inner of Object.values(value)) walk(inner, room);
  };
  walk(normalizer, 'normalizer');
  walk(splitter, 'pre_tokenizer');
  walk(decoder, 'decoder');
  if (growth > MOST_GROWTH)
    refuse('normalizer and pre_tokenizer', `steps that make a text at most ${MOST_GROWTH} times longer`, `up to ${growth} times`);
  const word = isStep(model) ? (model['max_input_chars_per_word'] ?? 0) : 0;
  if (typeof word !== 'number' || word > LONGEST_WORD)
    refuse('model.max_input_chars_per_word', `at most ${LONGEST_WORD}`, JSON.stringify(word) ?? 'none');
  for (const token of Array.isArray(added) ? added : [])
    if (isStep(token) && typeof token['content'] === 'string' && token['content'].length > LONGEST_ADDED_TOKEN)
      refuse(`added token ${shownName(token['content'])}`, `at most ${LONGEST_ADDED_TOKEN} characters`, `${token['content'].length}`);
  return expressions;
}

/**
 * Refuses expressions whose time could grow faster than the square of a text's length. They are judged as the library has
 * rewritten and will run them.
 *
 * @param parts of the library's tokenizer that run expressions
 * @param own how many of them came with the file, at least
 * @throws StudioError `tokenizer`, naming the expression
 */
export function checkExpressions(parts: readonly unknown[], own: number): void {
  const found = [...expressionsIn(parts, new Set())];
  if (found.length < own) refuse('its expressions', `${own} that can be judged`, `${found.length}`);
  for (const expression of found) {
    const { paths, loops } = effortOf(expression);
    if (loops > 1 || paths > MOST_PATHS)
      refuse(
        `the expression ${shownName(expression.source)}`,
        'one that is matched in bounded time: endless repetitions (*, +) of single characters only, no two one after another',
        Number.isFinite(loops) && paths <= MOST_PATHS ? 'several repetitions one after another' : 'choices within a repetition',
      );
  }
}

function* expressionsIn(value: unknown, seen: Set<unknown>): Generator<RegExp> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) return;
  seen.add(value);
  if (value instanceof RegExp) yield value;
  else for (const inner of Object.values(value)) yield* expressionsIn(inner, seen);
}
