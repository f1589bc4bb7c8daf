import type { Masking } from '../text/maskedBatch.ts';

/** BERT's own masking: everything is judged by it, however a recipe trains, so that runs can be compared. */
export const PLAIN_MASKING: Masking = { probability: 0.15, wholeWords: false };
