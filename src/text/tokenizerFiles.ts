import { shownName } from '../tensor/shown.ts';
import { StudioError } from '../tensor/studioError.ts';
import { contentOf, specialNames } from './specialNames.ts';
import { byteLevelJsonOf, LARGEST_ID, parseObject, tokenizerJsonOf, vocabularySettings, type SpecialNames } from './tokenizerJson.ts';
import { kindOf } from './tokenizing/pipeline.ts';
import { listOf } from './tokenizing/rule.ts';

/** The files that a tokenizer is kept in, as they came. */
export interface TokenizerTexts {
  readonly tokenizerJson?: string;
  readonly tokenizerConfig?: string;
  /** `vocab.txt`: a token a line. */
  readonly vocabulary?: string;
  /** `vocab.json`, token to id, and `merges.txt`: byte-level BPE, which they are only together. */
  readonly tokenIds?: string;
  readonly merges?: string;
  /** `added_tokens.json`: token to id. */
  readonly addedTokens?: string;
  readonly specialTokensMap?: string;
  /** `tokenizer_class` of the model's `config.json`, where older folders say it. */
  readonly modelClass?: string;
}

/** One `tokenizer.json` that says what all files say together. */
export interface MergedTokenizer {
  readonly json: Readonly<Record<string, unknown>>;
  readonly names: SpecialNames;
  /** What the user should know, in sentences: files that disagree, rules that were assumed. */
  readonly notes: readonly string[];
}

type Settings = ReadonlyMap<string, unknown>;

interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly [setting: string]: unknown;
}

/** Hugging Face's classes for BERT's own rules: their settings go before what `tokenizer.json` says. */
const BERT_CLASS =
  /^(?:Bert|DistilBert|Electra|MobileBert|ConvBert|Funnel|LayoutLM|Lxmert|RetriBert|SqueezeBert|DPR\w*)Tokenizer(?:Fast)?$/;
/** Classes whose `vocab.json` and `merges.txt` are RoBERTa's byte-level BPE. */
const BYTE_LEVEL_CLASS = /^(?:Roberta|GPT2|Bart|Longformer|LED|Blenderbot|Deberta)Tokenizer(?:Fast)?$/;
const GENERIC_CLASS = /^(?:PreTrainedTokenizer(?:Fast)?|TokenizersBackend)$/;
/** Share of pieces that begin with a word's mark, from which on a vocabulary is SentencePiece's. */
const SENTENCE_PIECES = 0.02;
const WORD_MARK = '\u2581';

const FLAGS = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };

/**
 * Merges a tokenizer's files as Hugging Face's libraries do: settings of BERT's classes count more than the rules of
 * `tokenizer.json`, tokens are added to the vocabulary, and special tokens are those that the settings name.
 *
 * @throws StudioError naming the file that is missing, damaged or contradicts another, or a kind of tokenizer that is not read
 */
export function mergeTokenizerFiles(texts: TokenizerTexts): MergedTokenizer {
  const config = settingsOf('tokenizer_config.json', texts.tokenizerConfig);
  const map = settingsOf('special_tokens_map.json', texts.specialTokensMap);
  const named = config.get('tokenizer_class') ?? texts.modelClass;
  const tokenizerClass = typeof named === 'string' ? named : undefined;
  refuseOtherSplitters(config, tokenizerClass, texts.tokenizerJson !== undefined);
  const notes: string[] = [];
  const given = texts.tokenizerJson === undefined ? undefined : objectOf(parseObject('tokenizer.json', texts.tokenizerJson));
  if (given !== undefined) checkModel(given);
  const names = specialNames([config, map], given, knownTokens(given, texts));
  let json = given ?? fromVocabulary(texts, config, names, tokenizerClass, notes);
  if (given !== undefined && (tokenizerClass === undefined || BERT_CLASS.test(tokenizerClass)))
    json = withSettings(json, config, tokenizerClass !== undefined, notes);
  return { json: withAddedTokens(json, config, map, names, texts.addedTokens), names, notes };
}

function settingsOf(file: string, text: string | undefined): Settings {
  return new Map<string, unknown>(text === undefined ? [] : Object.entries(parseObject(file, text)));
}

/** Splitters that are programs of their own: plain WordPiece would cut other words than the teacher has learnt. */
function refuseOtherSplitters(config: Settings, tokenizerClass: string | undefined, hasJson: boolean): void {
  const refuse = (what: string): never => {
    throw new StudioError(
      'tokenizer',
      `tokenizer: expected rules of a tokenizer.json, or BERT's, got ${what}, which is not read. Choose a teacher whose tokenizer is no program of its own.`,
    );
  };
  const words = config.get('word_tokenizer_type');
  if (typeof words === 'string' && words !== 'basic') refuse(`words that ${shownName(words)} (a Japanese analyser such as MeCab) splits`);
  const pieces = config.get('subword_tokenizer_type');
  if (typeof pieces === 'string' && pieces !== 'wordpiece') refuse(`pieces by ${shownName(pieces)}`);
  if (tokenizerClass === undefined || hasJson) return;
  if (/Japanese/i.test(tokenizerClass) && words === undefined) refuse(`${shownName(tokenizerClass)}, which splits words with MeCab`);
  if (/^RoFormer/i.test(tokenizerClass)) refuse(`${shownName(tokenizerClass)}, which splits words with Jieba`);
}

/** The model and its vocabulary. The kind comes first: other kinds keep other things under the same name. */
function checkModel(json: Readonly<Record<string, unknown>>): void {
  const model = objectOf(json['model']);
  const kind = kindOf(model);
  const vocabulary = model['vocab'];
  if (typeof vocabulary !== 'object' || vocabulary === null || Array.isArray(vocabulary) !== (kind === 'Unigram'))
    throw new StudioError(
      'tokenizer',
      'tokenizer.json: model.vocab — expected a vocabulary, got none. The file is damaged; take the original.',
    );
  if (!Array.isArray(vocabulary)) for (const [token, id] of Object.entries(vocabulary)) checkId('tokenizer.json', token, id);
}

function checkId(file: string, token: string, id: unknown): number {
  if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id > LARGEST_ID)
    throw new StudioError(
      'tokenizer',
      `${file}: ${JSON.stringify(token)} — expected an id from 0 on, got ${JSON.stringify(id)}. Take the original file.`,
    );
  return id;
}

/** Every token that the files list, but those that are added. */
function knownTokens(json: Readonly<Record<string, unknown>> | undefined, { vocabulary, tokenIds }: TokenizerTexts): Set<string> {
  if (json === undefined && vocabulary === undefined && tokenIds !== undefined)
    return new Set(Object.keys(parseObject('vocab.json', tokenIds)));
  if (json === undefined) return new Set((vocabulary ?? '').split(/\r?\n/));
  return new Set([...vocabularyIds(json['model']).keys(), ...addedTokensOf(json).map(({ content }) => content)]);
}

/** Ids of a model's vocabulary, which lists pieces with their scores or names ids. */
function vocabularyIds(model: unknown): Map<string, number> {
  const vocabulary = member(model, 'vocab');
  if (Array.isArray(vocabulary)) return new Map(vocabulary.map((entry: unknown, id) => [String(listOf(entry)[0]), id]));
  return new Map(Object.entries(objectOf(vocabulary)).map(([token, id]) => [token, Number(id)]));
}

function fromVocabulary(
  { vocabulary, tokenIds, merges }: TokenizerTexts,
  config: Settings,
  names: SpecialNames,
  tokenizerClass: string | undefined,
  notes: string[],
): Record<string, unknown> {
  if (vocabulary === undefined) {
    if (tokenIds === undefined || merges === undefined)
      throw new StudioError(
        'tokenizer',
        'tokenizer: expected tokenizer.json, vocab.txt, or vocab.json with merges.txt beside the weights, got none of them. Drop the whole folder.',
      );
    for (const [token, id] of Object.entries(parseObject('vocab.json', tokenIds))) checkId('vocab.json', token, id);
    const json = byteLevelJsonOf(tokenIds, merges, config.get('add_prefix_space') === true, names);
    if (tokenizerClass !== undefined && !BYTE_LEVEL_CLASS.test(tokenizerClass) && !GENERIC_CLASS.test(tokenizerClass))
      notes.push(
        `${shownName(tokenizerClass)} is not RoBERTa's tokenizer: vocab.json and merges.txt were read as its byte-level BPE. If its rules are others, save a tokenizer.json.`,
      );
    return json;
  }
  const json = tokenizerJsonOf(vocabulary, vocabularySettings(Object.fromEntries(config)), names);
  const tokens = Object.keys(objectOf(member(json['model'], 'vocab')));
  if (tokens.filter((token) => token.startsWith(WORD_MARK)).length > SENTENCE_PIECES * tokens.length)
    throw new StudioError(
      'tokenizer',
      `vocab.txt: expected WordPiece (##ing) or whole words, got pieces of SentencePiece (${WORD_MARK}the)${tokenizerClass === undefined ? '' : ` for ${shownName(tokenizerClass)}`}, which is not read. Choose a teacher whose tokenizer is plain WordPiece.`,
    );
  if (tokenizerClass !== undefined && !BERT_CLASS.test(tokenizerClass) && !GENERIC_CLASS.test(tokenizerClass))
    notes.push(
      `${shownName(tokenizerClass)} is not one of BERT's own tokenizers: vocab.txt was read as ${json['pre_tokenizer'] !== null && member(json['pre_tokenizer'], 'type') === 'WhitespaceSplit' ? 'whole words, split at spaces' : "BERT's WordPiece"}. If its rules are others, save a tokenizer.json.`,
    );
  return json;
}

/** The rules with what the settings of BERT's classes say, where the two differ. */
function withSettings(
  json: Readonly<Record<string, unknown>>,
  config: Settings,
  isNamed: boolean,
  notes: string[],
): Readonly<Record<string, unknown>> {
  const normalizer = json['normalizer'];
  if (member(normalizer, 'type') !== 'BertNormalizer') return json;
  const changes: Record<string, unknown> = {};
  const said = { do_lower_case: 'lowercase', strip_accents: 'strip_accents', tokenize_chinese_chars: 'handle_chinese_chars' };
  for (const [setting, key] of Object.entries(said)) {
    const own = member(normalizer, key) ?? null;
    const wanted = config.get(setting);
    if ((typeof wanted !== 'boolean' && !(wanted === null && key === 'strip_accents')) || wanted === own) continue;
    changes[key] = wanted;
    notes.push(
      `tokenizer_config.json says ${setting}: ${String(wanted)}, and tokenizer.json ${key}: ${JSON.stringify(own)}. The former counts, as in Hugging Face's libraries.`,
    );
  }
  if (isNamed && config.get('do_lower_case') === undefined && member(normalizer, 'lowercase') === false)
    notes.push(
      "tokenizer_config.json names BERT's class and does not say do_lower_case; tokenizer.json keeps capitals, which counts here. Hugging Face's libraries may lower them.",
    );
  return Object.keys(changes).length === 0 ? json : { ...json, normalizer: { ...objectOf(normalizer), ...changes } };
}

/** Tokens that other files add to the vocabulary, and special ones that the rules do not know yet. */
function withAddedTokens(
  json: Readonly<Record<string, unknown>>,
  config: Settings,
  map: Settings,
  names: SpecialNames,
  addedTokens: string | undefined,
): Readonly<Record<string, unknown>> {
  const added = new Map(addedTokensOf(json).map((token) => [token.content, token]));
  const ids = vocabularyIds(json['model']);
  for (const { content, id } of added.values()) ids.set(content, id);
  const owners = new Map([...ids].map(([token, id]) => [id, token]));
  const before = added.size;
  const add = (file: string, content: string, given: unknown, flags: object): void => {
    const id = checkId(file, content, given);
    const own = ids.get(content);
    const owner = owners.get(id);
    if ((own !== undefined && own !== id) || (owner !== undefined && owner !== content))
      throw new StudioError(
        'tokenizer',
        `${file}: ${JSON.stringify(shownName(content))} — expected ${own === undefined ? `an id of its own` : `id ${own}, as elsewhere`}, got ${id}${own === undefined ? `, which is ${JSON.stringify(shownName(owner ?? ''))}` : ''}. Take the files of one tokenizer.`,
      );
    ids.set(content, id);
    owners.set(id, content);
    if (!added.has(content)) added.set(content, { ...FLAGS, ...flags, id, content });
  };
  for (const [id, token] of Object.entries(objectOf(config.get('added_tokens_decoder')))) {
    const content = contentOf(token);
    if (content !== undefined) add('tokenizer_config.json', content, Number(id), typeof token === 'object' ? { ...token } : {});
  }
  const special = new Set<string>(Object.values(names));
  for (const settings of [config, map]) {
    const more = settings.get('additional_special_tokens');
    for (const token of Array.isArray(more) ? more : []) special.add(contentOf(token) ?? '');
  }
  special.delete('');
  const plain = { normalized: true, special: false };
  // Hugging Face's libraries read the older file only where the settings do not list the tokens.
  if (addedTokens !== undefined && config.get('added_tokens_decoder') === undefined)
    for (const [content, id] of Object.entries(parseObject('added_tokens.json', addedTokens)))
      add('added_tokens.json', content, id, special.has(content) ? {} : plain);
  for (const content of special) {
    const id = ids.get(content);
    if (id !== undefined && !added.has(content)) add('special_tokens_map.json', content, id, {});
  }
  return added.size === before && Array.isArray(json['added_tokens']) ? json : { ...json, added_tokens: [...added.values()] };
}

function addedTokensOf(json: Readonly<Record<string, unknown>>): AddedToken[] {
  const added: unknown = json['added_tokens'];
  return (Array.isArray(added) ? added : []).flatMap((token: unknown) => {
    const content = contentOf(token);
    if (content === undefined || typeof token !== 'object' || token === null) return [];
    return [{ ...token, content, id: checkId('tokenizer.json', content, member(token, 'id')) }];
  });
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? new Map<string, unknown>(Object.entries(value)).get(key) : undefined;
}
