import { shownName } from '../tensor/shown.ts';
import { expressionOf } from './tokenizing/expressions.ts';
import { isRule, refuse as refuseRule, type Rule } from './tokenizing/rule.ts';

/** Steps that normalise and split a text; tokenizers of BERTs have up to ten. */
const MOST_STEPS = 50;
/** Characters of an expression: reading one takes the square of it. */
const LONGEST_RULE = 4096;
/** Characters of a word that WordPiece takes apart, in the cube of them. BERT's are 100. */
const LONGEST_WORD = 256;
const LONGEST_ADDED_TOKEN = 256;
/** How many times longer than the text what the steps make of it may be. */
const MOST_GROWTH = 16;

const refuse = (what: string, expected: string, got: string): never =>
  refuseRule(what, expected, got, "Take the teacher's original file, or vocab.txt in its place.");

/**
 * Refuses a `tokenizer.json` that could take for ever, or memory without end, on a text of ordinary length, before anything is
 * made of it.
 *
 * @throws StudioError `tokenizer`, naming the rule
 */
export function checkRules(json: object): void {
  const { normalizer, pre_tokenizer: splitter, decoder, model, added_tokens: added }: Rule = { ...json };
  let growth = 1;
  let steps = 0;
  const walk = (value: unknown, room: string): void => {
    if (Array.isArray(value)) value.forEach((one) => walk(one, room));
    if (!isRule(value)) return;
    if ('type' in value) steps += 1;
    if (steps > MOST_STEPS) refuse(room, `at most ${MOST_STEPS} steps`, 'more');
    if (room !== 'decoder') growth *= growthOf(value);
    for (const key of ['Regex', 'String']) {
      const text = value[key];
      if (typeof text === 'string' && text.length > LONGEST_RULE)
        refuse(`${room}, ${key}`, `at most ${LONGEST_RULE} characters`, `${text.length}`);
    }
    // Decoders are not run here, but go into the student's folder.
    if (room === 'decoder' && 'Regex' in value) expressionOf(room, value);
    for (const inner of Object.values(value)) walk(inner, room);
  };
  walk(normalizer, 'normalizer');
  walk(splitter, 'pre_tokenizer');
  walk(decoder, 'decoder');
  if (growth > MOST_GROWTH)
    refuse('normalizer and pre_tokenizer', `steps that make a text at most ${MOST_GROWTH} times longer`, `up to ${growth} times`);
  const word = isRule(model) ? (model['max_input_chars_per_word'] ?? 0) : 0;
  if (typeof word !== 'number' || word > LONGEST_WORD)
    refuse('model.max_input_chars_per_word', `at most ${LONGEST_WORD}`, JSON.stringify(word) ?? 'none');
  for (const token of Array.isArray(added) ? added : [])
    if (isRule(token) && typeof token['content'] === 'string' && token['content'].length > LONGEST_ADDED_TOKEN)
      refuse(`added token ${shownName(token['content'])}`, `at most ${LONGEST_ADDED_TOKEN} characters`, `${token['content'].length}`);
}

/** How many times longer a step can make a text. */
function growthOf(rule: Rule): number {
  const lengthOf = (value: unknown): number => (typeof value === 'string' ? value.length : 0);
  switch (rule['type']) {
    case 'Replace': {
      const content = lengthOf(rule['content']);
      const text = isRule(rule['pattern']) ? lengthOf(rule['pattern']['String']) : 0;
      return text > 0 ? Math.max(1, content / text) : 1 + content;
    }
    case 'Prepend':
      return 1 + lengthOf(rule['prepend']);
    case 'Metaspace':
      return 2;
    case 'ByteLevel':
      return 3;
    default:
      return 1;
  }
}
