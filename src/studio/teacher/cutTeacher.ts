import { blueprintOf } from '../../models/blueprint.ts';
import { vocabularyTensors, type BertModel } from '../../models/model.ts';
import { sizeOf } from '../../tensor/shape.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { NamedTensors, Tensor } from '../../tensor/tensor.ts';
import type { Corpus } from '../../text/corpus.ts';
import { cutChoice, cutTokenizer, keptTokens, tokensOfText, type CutChoice } from '../../text/tokenizing/cutVocabulary.ts';
import type { CutText, TextCounts, VocabularyCut, VocabularyWish } from '../api/text.ts';
import type { TeacherReport } from '../api/teacher.ts';
import { sentenceTokenizer } from './sentenceTokens.ts';
import { mergedTokenizer, tokenizerOf, type Teacher } from './teacher.ts';

/** A text in a teacher's whole vocabulary. */
export interface CountedText {
  /** Uses of each token, those that frame and fill rows left out. */
  readonly uses: Float64Array;
  readonly text: TextCounts;
}

/** The wish for a vocabulary that is not cut. */
export const WHOLE: VocabularyWish = { vocabulary: 0, vocabularyText: false };

/** Whether a wish leaves the vocabulary whole. */
export function isWhole({ vocabulary, vocabularyText }: VocabularyWish): boolean {
  return vocabulary === 0 && !vocabularyText;
}

/** Whether a teacher's vocabulary is cut, or left whole, as wished. */
export function isCutAs({ cut }: Pick<Teacher, 'cut'>, wish: VocabularyWish): boolean {
  return cut === undefined ? isWhole(wish) : cut.vocabulary === wish.vocabulary && cut.vocabularyText === wish.vocabularyText;
}

/** A cut in words, as messages say it. */
export function cutInWords(wish: VocabularyWish): string {
  if (isWhole(wish)) return 'whole';
  return wish.vocabularyText ? `cut to the tokens of the text and ${wish.vocabulary} more` : `cut to ${wish.vocabulary} tokens`;
}

/** By the tokenizer's files: it takes a second of 250,000 tokens, and is asked for at every cut. */
const choices = new WeakMap<Teacher['tokenizerFiles'], CutChoice>();

/** Which tokens of a teacher's may go. */
function choiceOf(teacher: Teacher): CutChoice {
  const known = choices.get(teacher.tokenizerFiles) ?? choiceFrom(teacher);
  choices.set(teacher.tokenizerFiles, known);
  return known;
}

function choiceFrom({ tokenizerFiles, tokenizer, model: { config } }: Teacher): CutChoice {
  const { pad } = tokenizer.special;
  // Of families that count positions from the id of padding, that id must stay.
  const counts = blueprintOf(config).positionOffset !== blueprintOf({ ...config, padTokenId: 0 }).positionOffset;
  const before = Array.from({ length: counts ? pad : 0 }, (_, id) => id);
  return cutChoice(mergedTokenizer(tokenizerFiles).json, [...Object.values<number>({ ...tokenizer.special }), ...before], config.vocabSize);
}

/** What a teacher's report says of its vocabulary. */
export function vocabularyFacts(teacher: Teacher): Pick<TeacherReport, 'leastVocabulary' | 'vocabularyParameters'> {
  return { leastVocabulary: choiceOf(teacher).needed.size, vocabularyParameters: vocabularyParameters(teacher.model) };
}

/** An encoder without a head has no decoder yet. */
function vocabularyParameters({ config, tensors }: BertModel): number {
  return vocabularyTensors(config).reduce((sum, name) => sum + sizeOf(tensors.get(name)?.shape ?? [0]), 0);
}

/**
 * A teacher of some of its tokens: those that every text needs, and of the rest those that a text uses most. Rows of the table of
 * words and of the decoder go with the tokens that go, nothing else changes: where a text needs none of those, hidden states are
 * the same, and the probabilities of words are the teacher's over the words that stay, made to sum to one.
 *
 * @param teacher with its whole vocabulary
 * @param counted the text, in the teacher's tokens
 * @param wish how many tokens may stay, in all or beyond the text's
 * @param of the teacher's fingerprint
 * @throws StudioError `vocabulary` with the legal range, if `wish` is not in it
 */
export function cutTeacher(teacher: Teacher, { uses, text }: CountedText, wish: VocabularyWish, of: string): Teacher {
  const { vocabSize } = teacher.model.config;
  const choice = choiceOf(teacher);
  const ofText = tokensOfText(choice, uses).size;
  const size = sizeOfCut(wish, choice.needed.size, ofText, vocabSize);
  const kept = keptTokens(choice, uses, size);
  let [all, covered] = [0, 0];
  for (const count of uses) all += count;
  for (const id of kept) covered += uses[id] ?? 0;
  const by: CutText = {
    ...text,
    used: uses.reduce((sum, count) => sum + Number(count > 0), 0),
    ofText,
    covered: covered / Math.max(1, all),
  };
  return ofTokens(teacher, kept, { vocabulary: wish.vocabulary, vocabularyText: wish.vocabularyText, by, of });
}

/** How many tokens stay. @throws StudioError `vocabulary` with the legal range */
function sizeOfCut({ vocabulary, vocabularyText }: VocabularyWish, needed: number, ofText: number, whole: number): number {
  const [least, most] = vocabularyText ? [0, whole - ofText] : [needed, whole];
  if (Number.isInteger(vocabulary) && vocabulary >= least && vocabulary <= most) return vocabularyText ? ofText + vocabulary : vocabulary;
  const expected = vocabularyText
    ? `from 0 to ${most}: the teacher has ${whole} tokens, of which ${ofText} are the text's`
    : `from ${least}, the special tokens and single characters that every text needs, to ${most}, the teacher's tokens`;
  throw new StudioError('vocabulary', `vocabulary: expected a whole number ${expected}, got ${vocabulary}. Choose one in between.`, {
    least,
    most,
  });
}

/**
 * A teacher of the tokens of one of its students, in that student's order.
 * @param other the student's tokens
 * @returns undefined if the student has a token that the teacher does not have, or the same one twice
 */
export function cutLike(teacher: Teacher, other: Pick<Teacher, 'name' | 'tokenizer' | 'model'>, of: string): Teacher | undefined {
  const { vocabSize } = teacher.model.config;
  const ids = new Map(Array.from({ length: vocabSize }, (_, id) => [teacher.tokenizer.token(id), id]));
  const kept: number[] = [];
  for (let id = 0; id < other.model.config.vocabSize; id++) {
    const old = ids.get(other.tokenizer.token(id));
    // Cut vocabularies keep the order of the whole one.
    if (old === undefined || old <= (kept.at(-1) ?? -1)) return undefined;
    kept.push(old);
  }
  return ofTokens(teacher, kept, { vocabulary: kept.length, vocabularyText: false, of });
}

/** @param kept old ids in rising order */
function ofTokens(teacher: Teacher, kept: readonly number[], made: Pick<VocabularyCut, 'by' | 'of' | keyof VocabularyWish>): Teacher {
  const { model, tokenizerFiles, report, sentences } = teacher;
  const { config } = model;
  const cut: VocabularyCut = { ...made, before: config.vocabSize, after: kept.length, parametersBefore: report.parameters };
  const { json } = mergedTokenizer(tokenizerFiles);
  const tensors = cutTensors(model, kept);
  const files = new Map<string, Uint8Array>();
  for (const [name, bytes] of tokenizerFiles) if (name === 'special_tokens_map.json') files.set(name, bytes);
  files.set('tokenizer.json', jsonBytes(cutTokenizer(json, kept)));
  const settings = tokenizerFiles.get('tokenizer_config.json');
  if (settings !== undefined) files.set('tokenizer_config.json', jsonBytes(withoutIds(settings)));
  const whole = tokenizerOf(files, kept.length);
  const tokenizer = sentences === undefined ? whole : sentenceTokenizer(whole, sentences.modules, sentences.prompt);
  let parameters = 0;
  for (const { shape } of tensors.values()) parameters += sizeOf(shape);
  return {
    ...teacher,
    model: { config: { ...config, vocabSize: kept.length, padTokenId: tokenizer.special.pad }, tensors },
    tokenizer,
    tokenizerFiles: files,
    cut,
    report: {
      ...report,
      vocabularySize: kept.length,
      vocabularyParameters: vocabularyParameters({ config, tensors }),
      cut,
      parameters,
      bytes: 4 * parameters,
      notes: [...report.notes, noteOf(cut, teacher.task.words.overVocabulary === true)],
    },
  };
}

/** A model's tensors with the rows of some of its tokens. @param kept ids of tokens, in the order that they get */
export function cutTensors({ config, tensors }: BertModel, kept: readonly number[]): NamedTensors {
  const cut = new Map(tensors);
  for (const name of vocabularyTensors(config)) {
    const tensor = cut.get(name);
    if (tensor !== undefined) cut.set(name, rowsOf(tensor, kept));
  }
  return cut;
}

/** Uses of a teacher's tokens in a text, those that frame and fill rows left out. */
export function usesOf({ train, heldOut }: Corpus, { model, tokenizer }: Teacher): Float64Array {
  const uses = new Float64Array(model.config.vocabSize);
  for (const ids of [train, heldOut]) for (const id of ids) uses[id] = (uses[id] ?? 0) + 1;
  const { pad, classify, separate } = tokenizer.special;
  for (const id of [pad, classify, separate]) uses[id] = 0;
  return uses;
}

function rowsOf({ shape, data }: Tensor, kept: readonly number[]): Tensor {
  const width = sizeOf(shape.slice(1));
  const rows = new Float32Array(kept.length * width);
  kept.forEach((old, row) => rows.set(data.subarray(old * width, (old + 1) * width), row * width));
  return { shape: [kept.length, ...shape.slice(1)], data: rows };
}

function grouped(value: number): string {
  return value.toLocaleString('en');
}

function noteOf({ before, after, by }: VocabularyCut, isOver: boolean): string {
  const ofText =
    by === undefined
      ? ''
      : ` The text uses ${grouped(by.used)}; ${(100 * by.covered).toFixed(1)} % of what it is made of stays as it is, the rest is spelt in smaller pieces.`;
  return `The vocabulary was cut from ${grouped(before)} tokens to ${grouped(after)}.${ofText}${isOver ? ` Losses are taken over the ${grouped(after)} words.` : ''}`;
}

/** Settings whose ids were of the whole vocabulary are in tokenizer.json. */
function withoutIds(bytes: Uint8Array): object {
  const settings: unknown = JSON.parse(new TextDecoder().decode(bytes));
  return Object.fromEntries(
    Object.entries(typeof settings === 'object' && settings !== null ? settings : {}).filter(([key]) => key !== 'added_tokens_decoder'),
  );
}

function jsonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value)}\n`);
}
