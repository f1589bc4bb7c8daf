import type { Output } from '../../models/outputs.ts';

/** What exported files may answer with, in words. */
export const OUTPUTS: readonly { readonly name: Output; readonly says: string }[] = [
  { name: 'logits', says: 'scores of words' },
  { name: 'last_hidden_state', says: "the encoder's vectors, without the head" },
];
