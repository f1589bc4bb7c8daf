import { Evaluator } from '../../analysis/evaluation.ts';
import type { Engine } from '../../engines/engine.ts';
import { countParameters, type BertModel } from '../../models/model.ts';
import { maskedBatch, maskedWords } from '../../tasks/maskedWords.ts';
import { PLAIN_MASKING } from '../../tasks/plainMasking.ts';
import { Random } from '../../tensor/random.ts';
import { chooseTokens, replaceToken, type MaskedBatch } from '../../text/maskedBatch.ts';
import { packApart, packJoined, takeRows, type PackedText, type SpecialMarks } from '../../text/packedText.ts';
import type { TextTokenizer } from '../../text/tokenizer.ts';
import type { DocumentsMeasured } from '../api/text.ts';

/** Rows that the teacher reads at once. */
export const ROWS = 8;
/** Floating-point operations that the comparison may take: a few seconds of a processor. */
const WORK = 3e11;
/** Tokens of text that are read in either form: fewer say nothing, and more rarely change the answer. */
const LEAST_TOKENS = 1024;
const MOST_TOKENS = 4096;
/** Less work than this is done before threads have been started. */
const ONE_THREAD = 1e11;
/** No token of the text: special ones, and padding. */
const NONE = -1;
const NOWHERE = { pad: NONE, classify: NONE, separate: NONE };

/** Tokens that a teacher reads in either form. */
function tokensFor({ config }: BertModel): number {
  return Math.min(MOST_TOKENS, Math.max(LEAST_TOKENS, Math.floor(WORK / (4 * countParameters(config)))));
}

/** Whether the comparison is so little work that one thread does it. */
export function isSmallWork(model: BertModel): boolean {
  return 4 * countParameters(model.config) * tokensFor(model) < ONE_THREAD;
}

/**
 * Lets the teacher predict the same masked tokens of the same documents twice: each document apart, and all joined to running
 * text.
 *
 * @param documents token ids, in their order
 * @param progress heard after every batch; throw from it to give up
 * @returns undefined if there are not two documents
 */
export async function compareForms(
  engine: Engine,
  model: BertModel,
  tokenizer: TextTokenizer,
  documents: readonly Int32Array[],
  sequence: number,
  seed: number,
  progress: (done: number, total: number) => Promise<void> | void,
): Promise<DocumentsMeasured | undefined> {
  const sample = firstTokens(documents, tokensFor(model));
  if (sample.length < 2) return undefined;
  const masked = maskDocuments(sample, tokenizer, seed);
  const right = { apart: new Set<number>(), joined: new Set<number>() };
  const asked = { apart: questions(packApart, masked, sequence, tokenizer), joined: questions(packJoined, masked, sequence, tokenizer) };
  const total = asked.apart.length + asked.joined.length;
  let done = 0;
  for (const form of ['apart', 'joined'] as const) {
    const slots = Math.max(...asked[form].map(({ numbers }) => numbers.length));
    const evaluator = await Evaluator.create(engine, model, { task: maskedWords, batch: ROWS, sequence, slots });
    try {
      for (const { batch, numbers } of asked[form]) {
        const { predictions } = await evaluator.evaluate([maskedBatch(widened(batch, slots))]);
        numbers.forEach((number, slot) => {
          if (predictions[slot] === batch.labels[slot]) right[form].add(number);
        });
        done += 1;
        await progress(done, total);
      }
    } finally {
      evaluator.dispose();
    }
  }
  const answers = masked.labels.size;
  const only = (one: ReadonlySet<number>, other: ReadonlySet<number>): number => [...one].filter((number) => !other.has(number)).length;
  const [gained, lost] = [only(right.apart, right.joined), only(right.joined, right.apart)];
  return {
    answers,
    apart: right.apart.size / answers,
    joined: right.joined.size / answers,
    // Two standard errors of a difference of pairs: running text is what builds did before there was a choice.
    better: gained - lost > 2 * Math.sqrt(gained + lost) ? 'apart' : 'joined',
  };
}

/** Some rows of a form, with as many slots as tokens are asked for, and the numbers of those tokens. */
export interface Question {
  readonly batch: MaskedBatch;
  readonly numbers: readonly number[];
}

/** The masked documents in one form, some rows at a time. */
export function questions(
  pack: (documents: readonly Int32Array[], sequence: number, marks: SpecialMarks) => PackedText,
  { ids, numbers, labels }: MaskedDocuments,
  sequence: number,
  { special }: TextTokenizer,
): Question[] {
  const text = pack(ids, sequence, special);
  // Packed alike: where a token lies follows from the lengths alone.
  const places = pack(numbers, sequence, NOWHERE);
  return Array.from({ length: Math.ceil(text.sequences.length / (sequence * ROWS)) }, (_, i) => {
    const rows = Array.from({ length: ROWS }, (__, row) => i * ROWS + row);
    const taken = takeRows(text, rows, special.pad);
    const inRows = takeRows(places, rows, NONE).ids;
    const positions = Int32Array.from([...inRows.keys()].filter((at) => labels.has(inRows[at] ?? NONE)));
    const batch = {
      inputIds: taken.ids,
      attention: Uint8Array.from(taken.ids, (id) => (id === special.pad ? 0 : 1)),
      ...(taken.documents === undefined ? {} : { documents: taken.documents }),
      positions,
      labels: positions.map((at) => labels.get(inRows[at] ?? NONE) ?? NONE),
      predicted: positions.length,
    };
    return { batch, numbers: [...positions].map((at) => inRows[at] ?? NONE) };
  });
}

/** The batch with unused slots behind its own. */
export function widened(batch: MaskedBatch, slots: number): MaskedBatch {
  const wide = (values: Int32Array): Int32Array => Int32Array.from({ length: slots }, (_, slot) => values[slot] ?? NONE);
  return { ...batch, positions: wide(batch.positions), labels: wide(batch.labels) };
}

function firstTokens(documents: readonly Int32Array[], most: number): Int32Array[] {
  const sample: Int32Array[] = [];
  let tokens = 0;
  for (const document of documents) {
    if (tokens >= most) break;
    sample.push(document.subarray(0, most - tokens));
    tokens += document.length;
  }
  return sample;
}

/** Documents with some tokens masked. */
export interface MaskedDocuments {
  readonly ids: readonly Int32Array[];
  /** Of every token in the text. */
  readonly numbers: readonly Int32Array[];
  /** The right tokens of those that are masked, by their numbers. */
  readonly labels: ReadonlyMap<number, number>;
}

export function maskDocuments(documents: readonly Int32Array[], tokenizer: TextTokenizer, seed: number): MaskedDocuments {
  const random = new Random(seed);
  const all = Int32Array.from(documents.flatMap((document) => [...document]));
  const labels = new Map<number, number>();
  const replaced = all.slice();
  for (const at of chooseTokens([...all.keys()], all, tokenizer, random, PLAIN_MASKING)) {
    labels.set(at, all[at] ?? NONE);
    replaced[at] = replaceToken(all[at] ?? NONE, tokenizer, random);
  }
  let start = 0;
  const ids: Int32Array[] = [];
  const numbers: Int32Array[] = [];
  for (const { length } of documents) {
    const first = start;
    ids.push(replaced.subarray(first, first + length));
    numbers.push(Int32Array.from({ length }, (_, i) => first + i));
    start += length;
  }
  return { ids, numbers, labels };
}
