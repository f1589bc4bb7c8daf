import { StudioError } from '../tensor/studioError.ts';

/**
 * Rules of a `tokenizer.json` that `@huggingface/tokenizers` 0.2.0 follows otherwise than Hugging Face's own library does,
 * rewritten as rules that both follow alike, or refused by name. Found by giving both every character.
 */

type Rule = Readonly<Record<string, unknown>>;

/** The library looks at halves of these characters: ideographs beyond the first plane, which BERT takes as words. */
const FAR_IDEOGRAPHS = '[\\u{20000}-\\u{2A6DF}\\u{2A700}-\\u{2B81F}\\u{2B920}-\\u{2CEAF}\\u{2F800}-\\u{2FA1F}]';
const WORD = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}';
const PUNCTUATION = '\\p{P}\\u0021-\\u002F\\u003A-\\u0040\\u005B-\\u0060\\u007B-\\u007E';
const SPACE = '\\p{White_Space}';

/** @throws StudioError `tokenizer`, naming a rule that cannot be followed */
export function libraryRules(json: Rule): Rule {
  const { normalizer = null, pre_tokenizer: splitter = null } = json;
  for (const token of Array.isArray(json['added_tokens']) ? json['added_tokens'] : [])
    if (isRule(token) && token['single_word'] === true)
      refuse(`added token ${JSON.stringify(token['content'])}`, 'single_word: false', 'true');
  const isClean = isRule(normalizer) && normalizer['type'] === 'BertNormalizer' && normalizer['clean_text'] === true;
  return { ...json, normalizer: normalization(normalizer), pre_tokenizer: splitting(splitter, isClean) };
}

function refuse(what: string, expected: string, got: string): never {
  throw new StudioError(
    'tokenizer',
    `tokenizer.json: ${what} — expected ${expected}, got ${got}, which is not read as Hugging Face's library reads it. Save the tokenizer with another rule, or choose another teacher.`,
  );
}

function normalization(rule: unknown): unknown {
  if (!isRule(rule)) return rule;
  const { type } = rule;
  if (type === 'Sequence') return { ...rule, normalizers: listOf(rule['normalizers']).map(normalization) };
  if (type === 'Precompiled') refuse('normalizer', 'a rule that is read exactly', '"Precompiled"');
  // A dollar stands for what was matched.
  if (type === 'Replace') return typeof rule['content'] === 'string' ? { ...rule, content: rule['content'].replaceAll('$', '$$$$') } : rule;
  const before: Rule[] = [];
  if (type === 'BertNormalizer' && rule['handle_chinese_chars'] === true)
    before.push({ type: 'Replace', pattern: { Regex: FAR_IDEOGRAPHS }, content: ' $& ' });
  // The last sigma of a word is lowered to another letter.
  if (type === 'Lowercase' || (type === 'BertNormalizer' && rule['lowercase'] === true))
    before.push({ type: 'Replace', pattern: { String: 'Σ' }, content: 'σ' });
  return before.length === 0 ? rule : { type: 'Sequence', normalizers: [...before, rule] };
}

/** @param isClean no white space but spaces is left by the normalizer */
function splitting(rule: unknown, isClean: boolean): unknown {
  if (!isRule(rule)) return rule;
  const behavior = typeof rule['behavior'] === 'string' ? rule['behavior'].toLowerCase() : 'isolated';
  switch (rule['type']) {
    case 'Sequence':
      return { ...rule, pretokenizers: listOf(rule['pretokenizers']).map((one) => splitting(one, isClean)) };
    case 'BertPreTokenizer':
      return isClean ? rule : matches(`[^${SPACE}${PUNCTUATION}]+|[${PUNCTUATION}]`);
    case 'Whitespace':
      return matches(`[${WORD}]+|[^${WORD}${SPACE}]+`);
    case 'WhitespaceSplit':
      return matches(`[^${SPACE}]+`);
    case 'Digits':
      return split({ Regex: rule['individual_digits'] === true ? '\\p{N}' : '\\p{N}+' }, 'Isolated');
    case 'Punctuation':
      if (behavior === 'contiguous') return rule;
      if (behavior === 'isolated' || behavior === 'removed')
        return split({ Regex: `[${PUNCTUATION}]` }, behavior === 'removed' ? 'Removed' : 'Isolated');
      return refuse('pre_tokenizer, Punctuation', 'behavior Isolated, Removed or Contiguous', JSON.stringify(rule['behavior']));
    case 'FixedLength':
      return split({ Regex: `[\\s\\S]{1,${Number(rule['length'])}}` }, 'Isolated');
    case 'CharDelimiterSplit':
      return split(escaped(rule['delimiter']), 'Removed');
    case 'Split':
      return splitOf(rule, behavior);
    case 'Metaspace':
      return refuse('pre_tokenizer', 'a rule that is read exactly', '"Metaspace"');
    default:
      return rule;
  }
}

function splitOf(rule: Rule, behavior: string): Rule {
  if (behavior !== 'isolated' && behavior !== 'removed')
    refuse('pre_tokenizer, Split', 'behavior Isolated or Removed', JSON.stringify(rule['behavior']));
  const given = rule['pattern'];
  const text = isRule(given) ? given['String'] : undefined;
  const pattern = typeof text === 'string' ? escaped(text) : given;
  const regex = isRule(pattern) ? pattern['Regex'] : undefined;
  // What the groups of an expression matched would be left in the text.
  if (behavior === 'removed' && rule['invert'] !== true && typeof regex === 'string' && /(?<!\\)\((?!\?)/.test(regex))
    refuse('pre_tokenizer, Split', 'an expression without groups that capture, where matches are removed', JSON.stringify(regex));
  // Isolated pieces are the same whichever of them are called matches.
  return { ...rule, pattern, ...(behavior === 'isolated' ? { invert: false } : {}) };
}

/** Keeps what is matched alone. */
function matches(expression: string): Rule {
  return { type: 'Split', pattern: { Regex: expression }, behavior: 'Removed', invert: true };
}

function split(pattern: Rule, behavior: 'Isolated' | 'Removed'): Rule {
  return { type: 'Split', pattern, behavior, invert: false };
}

function escaped(text: unknown): Rule {
  return { Regex: String(text).replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&') };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isRule(value: unknown): value is Rule {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
