import type { Engine } from '../../engines/engine.ts';
import { splitOf, type Corpus, type Splits } from '../../text/corpus.ts';
import { BatchStream, maskedSlots, type MaskedBatch } from '../../text/maskedBatch.ts';
import { rowsBetween } from '../../text/packedText.ts';
import { fitHead, POSITIONS_PER_DIMENSION } from '../../training/fitHead.ts';
import { PLAIN_MASKING } from '../../tasks/plainMasking.ts';
import type { BatchShape } from '../../tasks/task.ts';
import { calibrationStages } from '../workStages.ts';
import type { StudioListener } from '../api/run.ts';
import type { Teacher } from './teacher.ts';

/** Sequences at once. */
const BATCH = 8;
/** Of the training split's sequences, to judge the head. */
const JUDGED_SHARE = 0.15;

/**
 * A teacher that can predict words: itself, or with a head that is fitted on the text where its checkpoint had none.
 * The same text gives the same head, whatever the recipe, so that a run can be resumed.
 */
export async function fitTeacherHead(
  engine: Engine,
  teacher: Teacher,
  corpus: Corpus,
  control: { proceed(): Promise<boolean> },
  listen: StudioListener,
): Promise<Teacher> {
  if (teacher.head === 'mlm') return teacher;
  const { fitted, judged, shape } = headBatches(teacher, corpus);
  const progress = calibrationStages(control, listen)('Fitting a head to the encoder');
  const { model, fit } = await fitHead(engine, teacher.model, shape, fitted, judged, progress);
  return { ...teacher, model, head: 'mlm', headFit: fit };
}

/**
 * What a head is fitted on and judged by. Whole sequences judge that are in no batch that is fitted, however often a short
 * text comes round; held-out ones where the training split has a single sequence.
 */
export function headBatches(
  { tokenizer, model }: Pick<Teacher, 'tokenizer' | 'model'>,
  corpus: Splits,
): { readonly fitted: MaskedBatch[]; readonly judged: MaskedBatch[]; readonly shape: BatchShape } {
  const { sequence } = corpus;
  const train = splitOf(corpus, 'train');
  const rows = train.sequences.length / sequence;
  // The first ones: the last of a split is padded, and may be nearly empty.
  const border = rows > 1 ? Math.ceil(JUDGED_SHARE * rows) : 0;
  const [own, others] =
    border > 0 ? [rowsBetween(train, border, rows), rowsBetween(train, 0, border)] : [train, splitOf(corpus, 'heldOut')];
  const judges = new BatchStream(others, BATCH, tokenizer, 2, PLAIN_MASKING);
  const stream = new BatchStream(own, BATCH, tokenizer, 1, PLAIN_MASKING);
  const slots = maskedSlots(BATCH, sequence, PLAIN_MASKING.probability);
  const count = Math.ceil((POSITIONS_PER_DIMENSION * model.config.hiddenSize) / slots);
  return {
    fitted: Array.from({ length: count }, () => stream.next()),
    // A few sequences are judged under several maskings, about as many as it takes to mask each word once.
    judged: Array.from({ length: Math.min(Math.ceil(JUDGED_SHARE * count), others.sequences.length / sequence) }, () => judges.next()),
    shape: { batch: BATCH, sequence, slots },
  };
}

/** What a report says of a fitted head. */
export function headFitInWords({ headFit }: Teacher): string | undefined {
  if (headFit === undefined) return undefined;
  const { fitted, judged, frequencyLoss, startLoss, loss, accuracy } = headFit;
  return `The teacher's checkpoint had no head for masked words. A head with the word embeddings as its decoder was fitted to it on ${fitted} masked tokens of the text (least squares, then training, the encoder unchanged): on ${judged} others it reaches loss ${loss.toFixed(3)} and ${(100 * accuracy).toFixed(1)} % right, after ${startLoss.toFixed(3)} by least squares alone and ${frequencyLoss.toFixed(3)} by word frequency.`;
}
