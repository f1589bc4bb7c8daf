import { shownValue } from '../tensor/shown.ts';
import { StudioError } from '../tensor/studioError.ts';
import { blueprintOf } from './blueprint.ts';
import { hasHead, type BertModel } from './model.ts';

/** Scores of every word for every token, [batch_size, sequence_length, vocab]. */
export const LOGITS = 'logits';
/** The encoder's vectors of every token, [batch_size, sequence_length, hidden]. */
export const HIDDEN = 'last_hidden_state';

/** What exported files answer with, by the name that Hugging Face's libraries look for. */
export type Output = typeof LOGITS | typeof HIDDEN;

const NAMES: readonly Output[] = [LOGITS, HIDDEN];

/** What a model answers with: one of them, never both. */
export function outputOf(model: BertModel): Output {
  return hasHead(model) ? LOGITS : HIDDEN;
}

/**
 * The part of a model that gives an output: the whole of it, or the encoder without its head.
 * @param output the model's own if it is undefined   @throws StudioError if it is no output, or the model lacks the part
 */
export function partGiving(model: BertModel, output: Output | undefined): BertModel {
  const own = outputOf(model);
  if (output === undefined || output === own) return model;
  if (!NAMES.includes(output))
    throw new StudioError('recipe', `export: outputs — expected ${NAMES.join(' or ')}, got ${shownValue(output)}.`, { outputs: NAMES });
  if (output === LOGITS)
    throw new StudioError(
      'recipe',
      `export: outputs — expected ${own}, got ${output}. The model has no head for masked language modelling: leave outputs out.`,
      { outputs: [own] },
    );
  const { modules } = blueprintOf(model.config);
  const head = new Set(modules.filter(({ part }) => part === 'head').flatMap(({ weight, bias }) => [weight, bias]));
  return { config: model.config, tensors: new Map([...model.tensors].filter(([name]) => !head.has(name))) };
}
