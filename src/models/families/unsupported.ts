import { shownValue } from '../../tensor/shown.ts';
import { StudioError } from '../../tensor/studioError.ts';

/** What every refusal of a model ends with. */
export const SUPPORTED =
  'Supported are BERT encoders with absolute positions, with a masked-language-modelling head, a task head, or none.';

/** Why models that are asked for often do not fit, by Hugging Face's `model_type`. */
const OTHERS: ReadonlyMap<string, string> = new Map([
  ['roberta', 'RoBERTa counts positions from 2, and its head has other parts'],
  ['xlm-roberta', 'XLM-RoBERTa counts positions from 2, and its head has other parts'],
  ['camembert', 'CamemBERT is a RoBERTa, which counts positions from 2'],
  ['deberta', 'DeBERTa attends by relative positions'],
  ['deberta-v2', 'DeBERTa attends by relative positions'],
  ['mpnet', 'MPNet attends by relative positions'],
  ['modernbert', 'ModernBERT attends by rotary positions, and its FFN is gated'],
  ['nomic_bert', 'Nomic BERT attends by rotary positions'],
  ['xlnet', 'XLNet attends by relative positions'],
  ['distilbert', 'DistilBERT names its parts differently and has no segment embeddings'],
  ['albert', 'ALBERT shares one layer among all'],
  ['electra', 'ELECTRA was not trained to predict words'],
  ['mobilebert', 'MobileBERT has bottlenecks around its layers'],
  ['bert-generation', 'BERT for generation is a decoder'],
  ['gpt2', 'GPT-2 is a decoder'],
  ['llama', 'Llama is a decoder'],
  ['mistral', 'Mistral is a decoder'],
  ['qwen2', 'Qwen is a decoder'],
  ['t5', 'T5 is an encoder with a decoder'],
  ['bart', 'BART is an encoder with a decoder'],
]);

/** The refusal of a setting that makes a model another one. @param reason a sentence without its full stop */
export function refusedSetting(setting: string, expected: string, got: string, reason: string | undefined): StudioError {
  return new StudioError(
    'config',
    `config.json: ${setting} — expected ${expected}, got ${got}. ${reason === undefined ? '' : `${reason}. `}${SUPPORTED}`,
  );
}

/** The refusal of a family. @param expected identifiers of those that are supported */
export function refusedFamily(expected: readonly string[], got: unknown): StudioError {
  const reason = typeof got === 'string' ? OTHERS.get(got.toLowerCase()) : undefined;
  return refusedSetting('model_type', expected.map((id) => `"${id}"`).join(' or '), shownValue(got), reason);
}

/** Families by how their tensors' names begin: a `config.json` from elsewhere may claim to be a BERT's. */
const PREFIXES: readonly (readonly [RegExp, string])[] = [
  [/(^|\.)deberta\./, 'deberta'],
  [/(^|\.)roberta\./, 'roberta'],
  [/(^|\.)distilbert\./, 'distilbert'],
  [/(^|\.)albert\./, 'albert'],
  [/(^|\.)electra\./, 'electra'],
  [/(^|\.)mpnet\./, 'mpnet'],
  [/(^|\.)mobilebert\./, 'mobilebert'],
];

/** Why tensors of these names are not a BERT's, or undefined. */
export function foreignNames(names: Iterable<string>): string | undefined {
  for (const name of names) for (const [pattern, family] of PREFIXES) if (pattern.test(name)) return OTHERS.get(family);
  return undefined;
}
