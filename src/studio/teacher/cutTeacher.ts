import { biasOf, blueprintOf } from '../../models/blueprint.ts';
import { sizeOf } from '../../tensor/shape.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Corpus } from '../../text/corpus.ts';
import { cutChoice, cutTokenizer, keptTokens } from '../../text/tokenizing/cutVocabulary.ts';
import { mergedTokenizer, tokenizerOf, type Teacher } from './teacher.ts';

/**
 * A teacher of some of its tokens: those that every text needs, and of the rest those that a text uses most. Rows of the table of
 * words and of the decoder go with the tokens that go, nothing else changes: where a text needs none of those, hidden states are
 * the same, and the probabilities of words are the teacher's over the words that stay, made to sum to one.
 *
 * @param corpus the text, in the teacher's tokens
 * @param size tokens that may stay
 * @throws StudioError `vocabulary` if `size` is not a whole number, below the tokens that every text needs or above the teacher's
 */
export function cutTeacher(teacher: Teacher, corpus: Corpus, size: number): Teacher {
  const { model, tokenizer, tokenizerFiles, report } = teacher;
  const { config } = model;
  const { json } = mergedTokenizer(tokenizerFiles);
  const choice = cutChoice(json, Object.values<number>({ ...tokenizer.special }), config.vocabSize);
  const least = choice.needed.size;
  if (!Number.isInteger(size) || size < least || size > config.vocabSize)
    throw new StudioError(
      'vocabulary',
      `vocabulary: expected a whole number from ${least}, the special tokens and single characters that every text needs, to ${config.vocabSize}, the teacher's tokens, got ${size}. Choose one in between.`,
      { least, most: config.vocabSize },
    );
  const counts = countsOf(corpus, teacher);
  const kept = keptTokens(choice, counts, size);
  const tensors = new Map(model.tensors);
  for (const name of vocabularyTensors(teacher)) {
    const tensor = tensors.get(name);
    if (tensor !== undefined) tensors.set(name, rowsOf(tensor, kept));
  }
  const files = new Map<string, Uint8Array>();
  for (const [name, bytes] of tokenizerFiles) if (name === 'special_tokens_map.json') files.set(name, bytes);
  files.set('tokenizer.json', jsonBytes(cutTokenizer(json, kept)));
  const settings = tokenizerFiles.get('tokenizer_config.json');
  if (settings !== undefined) files.set('tokenizer_config.json', jsonBytes(withoutIds(settings)));
  const cut = tokenizerOf(files, kept.length);
  let parameters = 0;
  for (const { shape } of tensors.values()) parameters += sizeOf(shape);
  return {
    ...teacher,
    model: { config: { ...config, vocabSize: kept.length, padTokenId: cut.special.pad }, tensors },
    tokenizer: cut,
    tokenizerFiles: files,
    report: {
      ...report,
      vocabularySize: kept.length,
      parameters,
      bytes: 4 * parameters,
      notes: [...report.notes, noteOf(counts, kept, config.vocabSize, report.bytes - 4 * parameters)],
    },
  };
}

/** Uses of every token, those that frame and fill rows left out. */
function countsOf({ train, heldOut }: Corpus, { model, tokenizer }: Teacher): Float64Array {
  const counts = new Float64Array(model.config.vocabSize);
  for (const ids of [train, heldOut]) for (const id of ids) counts[id] = (counts[id] ?? 0) + 1;
  const { pad, classify, separate } = tokenizer.special;
  for (const id of [pad, classify, separate]) counts[id] = 0;
  return counts;
}

/** Names of the tensors that have a row for every token; those that the model lacks are among them. */
function vocabularyTensors({ model }: Teacher): string[] {
  const blueprint = blueprintOf(model.config);
  const decoder = blueprint.module('decoder');
  return [blueprint.module('words').weight, decoder.weight, biasOf(decoder)];
}

function rowsOf({ shape, data }: Tensor, kept: readonly number[]): Tensor {
  const width = sizeOf(shape.slice(1));
  const rows = new Float32Array(kept.length * width);
  kept.forEach((old, row) => rows.set(data.subarray(old * width, (old + 1) * width), row * width));
  return { shape: [kept.length, ...shape.slice(1)], data: rows };
}

function noteOf(counts: Float64Array, kept: readonly number[], before: number, bytes: number): string {
  const used = counts.reduce((sum, count) => sum + Number(count > 0), 0);
  let covered = 0;
  for (const id of kept) covered += counts[id] ?? 0;
  const share =
    covered /
    Math.max(
      1,
      counts.reduce((sum, count) => sum + count, 0),
    );
  const number = (value: number): string => value.toLocaleString('en');
  return `The vocabulary was cut from ${number(before)} tokens to ${number(kept.length)}, which saves ${(bytes / 1e6).toFixed(1)} MB. The text uses ${number(used)}; ${(100 * share).toFixed(1)} % of what it is made of stays as it is, the rest is spelt in smaller pieces. Losses are taken over the ${number(kept.length)} words.`;
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
