import type { Engine } from '../../engines/engine.ts';
import type { Corpus } from '../../text/corpus.ts';
import { BatchStream, maskedSlots } from '../../text/maskedBatch.ts';
import { fitHead, POSITIONS_PER_DIMENSION } from '../../training/fitHead.ts';
import { PLAIN_MASKING } from '../recipe/recipe.ts';
import { calibrationStages } from '../compression/startingPoint.ts';
import type { StudioListener } from '../api/run.ts';
import type { Teacher } from './teacher.ts';

/** Sequences at once. */
const BATCH = 8;

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
  const { sequence, train } = corpus;
  const stream = new BatchStream(train, sequence, BATCH, teacher.tokenizer, 1, PLAIN_MASKING);
  const slots = maskedSlots(BATCH, sequence, PLAIN_MASKING.probability);
  const count = Math.ceil((POSITIONS_PER_DIMENSION * teacher.model.config.hiddenSize) / slots);
  const batches = Array.from({ length: count }, () => stream.next());
  const progress = calibrationStages(control, listen)('Fitting a head to the encoder');
  const { model, fit } = await fitHead(engine, teacher.model, { batch: BATCH, sequence, slots }, batches, progress);
  return { ...teacher, model, head: 'mlm', headFit: fit };
}

/** What a report says of a fitted head. */
export function headFitInWords({ headFit }: Teacher): string | undefined {
  if (headFit === undefined) return undefined;
  const { fitted, judged, frequencyLoss, startLoss, loss, accuracy } = headFit;
  return `The teacher's checkpoint had no head for masked words. A head with the word embeddings as its decoder was fitted to it on ${fitted} masked tokens of the text (least squares, then training, the encoder unchanged): on ${judged} others it reaches loss ${loss.toFixed(3)} and ${(100 * accuracy).toFixed(1)} % right, after ${startLoss.toFixed(3)} by least squares alone and ${frequencyLoss.toFixed(3)} by word frequency.`;
}
