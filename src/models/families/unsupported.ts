import { shownValue } from '../../tensor/shown.ts';
import { StudioError } from '../../tensor/studioError.ts';

/** What every refusal of a model ends with. */
export const SUPPORTED =
  'Supported are BERT, DistilBERT, RoBERTa, XLM-RoBERTa, CamemBERT and ELECTRA encoders with absolute positions, and ModernBERT encoders, with a masked-language-modelling head, a task head, or none.';

/** Why models that are asked for often do not fit, by Hugging Face's `model_type`. */
const OTHERS: ReadonlyMap<string, string> = new Map([
  ['deberta', 'DeBERTa attends by relative positions'],
  ['deberta-v2', 'DeBERTa attends by relative positions'],
  ['mpnet', 'MPNet adds a learnt bias by distance to every attention score'],
  ['nomic_bert', 'Nomic BERT attends by rotary positions'],
  ['xlnet', 'XLNet attends by relative positions'],
  ['albert', 'ALBERT shares one layer among all'],
  ['mobilebert', 'MobileBERT has bottlenecks around its layers'],
  ['convbert', 'ConvBERT has convolutions beside its attention'],
  ['longformer', 'Longformer attends within windows'],
  ['big_bird', 'BigBird attends by blocks'],
  ['roformer', 'RoFormer attends by rotary positions'],
  ['rembert', 'RemBERT reads and writes words by tables of different widths'],
  ['funnel', 'Funnel shortens its text from layer to layer'],
  ['eurobert', 'EuroBERT attends by rotary positions, and its FFN is gated'],
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

/** Families by names that their tensors have, the surest first: a `config.json` from elsewhere may claim to be another's. */
const PREFIXES: readonly (readonly [RegExp, string])[] = [
  [/(^|\.)deberta\./, 'deberta'],
  [/(^|\.)roberta\./, 'roberta'],
  [/(^|\.)distilbert\./, 'distilbert'],
  [/(^|\.)albert\./, 'albert'],
  [/(^|\.)electra\./, 'electra'],
  [/(^|\.)mpnet\./, 'mpnet'],
  [/(^|\.)mobilebert\./, 'mobilebert'],
  [/(^|\.)convbert\./, 'convbert'],
  [/(^|\.)longformer\./, 'longformer'],
  [/(^|\.)roformer\./, 'roformer'],
  [/(^|\.)rembert\./, 'rembert'],
  [/(^|\.)funnel\./, 'funnel'],
  [/(^|\.)embeddings\.tok_embeddings\./, 'modernbert'],
  [/(^|\.)encoder\.layers\.\d+\.(attn|mixer)\.Wqkv\./, 'nomic_bert'],
  [/(^|\.)layer\.\d+\.rel_attn\./, 'xlnet'],
  [/(^|\.)albert_layer_groups\./, 'albert'],
  [/(^|\.)h\.\d+\.attn\.c_attn\./, 'gpt2'],
  [/(^|\.)encoder\.block\.\d+\.layer\./, 't5'],
  [/(^|\.)decoder\.layers\.\d+\.encoder_attn\./, 'bart'],
  [/(^|\.)relative_attention_bias\./, 'mpnet'],
];

/**
 * Why tensors of these names are not those of a family, or undefined.
 * @param words the name of its own table of words
 */
export function foreignNames(words: string, names: Iterable<string>): string | undefined {
  const others = PREFIXES.filter(([pattern]) => !pattern.test(words));
  for (const name of names)
    for (const [pattern, family] of others)
      if (pattern.test(name)) return OTHERS.get(family) ?? `They are those of "${family}": take the config.json that came with them`;
  return undefined;
}
