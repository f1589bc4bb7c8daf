import { longestSequence } from '../../models/model.ts';
import { AttentionProbe } from '../../analysis/attentionProbe.ts';
import type { AttentionMaps } from '../../analysis/attentionSimilarity.ts';
import type { BertModel } from '../../models/model.ts';
import type { Engine } from '../../engines/engine.ts';
import { StudioError } from '../../tensor/studioError.ts';
import { shownName } from '../../tensor/shown.ts';
import type { TextTokenizer } from '../../text/tokenizer.ts';
import { engineLogits } from '../verification/engineAnswer.ts';
import type { AttentionComparison, FillComparison, MaskGuess } from '../api/comparison.ts';
import type { Teacher } from '../teacher/teacher.ts';

const LONGEST = 128;
const GUESSES = 5;

/** Token ids of a sentence with [CLS] and [SEP], cut to what both fit in; `[MASK]` is the mask token. */
export function sentenceIds(sentence: string, tokenizer: TextTokenizer, maxPositions: number): Int32Array {
  const { special } = tokenizer;
  const inner: number[] = [];
  for (const [i, part] of sentence.split(/\[MASK\]/i).entries()) {
    if (i > 0) inner.push(special.mask);
    inner.push(...tokenizer.encode(part.trim()));
  }
  return Int32Array.of(special.classify, ...inner.slice(0, Math.min(LONGEST, maxPositions) - 2), special.separate);
}

/** Rows [query][key] of one head. */
export function headRows({ sequence, probabilities }: AttentionMaps, head: number): number[][] {
  return Array.from({ length: sequence }, (_, query) => {
    const at = (head * sequence + query) * sequence;
    return [...probabilities.subarray(at, at + sequence)];
  });
}

/** Attention of every layer on one sentence. @param ids [T], nothing of it padding */
export async function sentenceMaps(engine: Engine, model: BertModel, ids: Int32Array): Promise<readonly AttentionMaps[]> {
  const probe = await AttentionProbe.create(engine, model, 1, ids.length);
  try {
    return await probe.read({ inputIds: ids, attention: new Uint8Array(ids.length).fill(1) });
  } finally {
    probe.dispose();
  }
}

async function readMaps(engine: Engine, model: BertModel, ids: Int32Array, layer: number): Promise<AttentionMaps> {
  const maps = await sentenceMaps(engine, model, ids);
  const found = maps[layer];
  if (found === undefined) throw new StudioError('attention', `attention: layer ${layer} — expected 0 to ${maps.length - 1}. Choose one.`);
  return found;
}

/**
 * What one student head and the teacher head that it came from attend to in a sentence.
 * @param layer of the student, from 0
 * @param head of the student, from 0
 * @param origin that teacher head's layer and number
 */
export async function compareAttention(
  engine: Engine,
  teacher: Teacher,
  student: BertModel,
  sentence: string,
  layer: number,
  head: number,
  origin: { readonly layer: number; readonly head: number },
): Promise<AttentionComparison> {
  const ids = sentenceIds(sentence, teacher.tokenizer, longestSequence(teacher.model.config));
  return {
    tokens: Array.from(ids, (id) => shownName(teacher.tokenizer.token(id))),
    teacher: headRows(await readMaps(engine, teacher.model, ids, origin.layer), origin.head),
    student: headRows(await readMaps(engine, student, ids, layer), head),
  };
}

/** The likeliest words for the first [MASK] of a sentence, of both models. @throws StudioError if there is none */
export async function compareFill(engine: Engine, teacher: Teacher, student: BertModel, sentence: string): Promise<FillComparison> {
  const ids = sentenceIds(sentence, teacher.tokenizer, longestSequence(teacher.model.config));
  const at = ids.indexOf(teacher.tokenizer.special.mask);
  if (at === -1)
    throw new StudioError(
      'sentence',
      'fill the mask: the sentence — expected a [MASK] in it, got none. Write [MASK] where a word is wanted.',
    );
  const guesses = async (model: BertModel): Promise<MaskGuess[]> => {
    const logits = await engineLogits(engine, model, ids, new Uint8Array(ids.length).fill(1), 1, ids.length);
    const vocabulary = logits.length / ids.length;
    const row = logits.subarray(at * vocabulary, (at + 1) * vocabulary);
    const most = row.reduce((best, value) => Math.max(best, value), -Infinity);
    const sum = row.reduce((total, value) => total + Math.exp(value - most), 0);
    return Array.from(row, (logit, id) => ({ logit, id }))
      .toSorted((a, b) => b.logit - a.logit)
      .slice(0, GUESSES)
      .map(({ logit, id }) => ({ word: shownName(teacher.tokenizer.token(id)), probability: Math.exp(logit - most) / sum }));
  };
  return { teacher: await guesses(teacher.model), student: await guesses(student) };
}
