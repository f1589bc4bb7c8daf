import type { SpecialNames } from './tokenizerJson.ts';
import { isRule, listOf, textOf, type Rule } from './tokenizing/rule.ts';

/** What families call their special tokens, if no file says it: BERT's way and RoBERTa's. */
const USUAL = {
  unk_token: ['[UNK]', '<unk>'],
  sep_token: ['[SEP]', '</s>'],
  pad_token: ['[PAD]', '<pad>'],
  cls_token: ['[CLS]', '<s>'],
  mask_token: ['[MASK]', '<mask>'],
} as const;
type Role = keyof typeof USUAL;

/**
 * Which token has which role. Settings are asked in their order, then the file itself, then what families call them; a name counts
 * only if the vocabulary has it. The model's own unknown token goes before all of them.
 *
 * @param settings of `tokenizer_config.json`, then of `special_tokens_map.json`
 * @param json `tokenizer.json`, if there is one
 * @param known every token
 */
export function specialNames(
  settings: readonly ReadonlyMap<string, unknown>[],
  json: Rule | undefined,
  known: ReadonlySet<string>,
): SpecialNames {
  const around = aroundText(json?.['post_processor']);
  const { padding } = json ?? {};
  const own: Partial<Record<Role, string | undefined>> = {
    sep_token: around.at(-1),
    cls_token: around[0],
    pad_token: isRule(padding) ? textOf(padding['pad_token']) : undefined,
  };
  const name = (role: Role, first?: string): string => {
    const said = [first, ...settings.map((one) => contentOf(one.get(role))), own[role], ...USUAL[role]].filter((one) => one !== undefined);
    return said.find((one) => known.has(one)) ?? said[0] ?? USUAL[role][0];
  };
  return {
    unknown: name('unk_token', unknownOf(json?.['model'])),
    separate: name('sep_token'),
    pad: name('pad_token'),
    classify: name('cls_token'),
    mask: name('mask_token'),
  };
}

/** A token as settings name it: its text, or an object that holds it. */
export function contentOf(token: unknown): string | undefined {
  const content = isRule(token) ? textOf(token['content']) : textOf(token);
  return content === '' ? undefined : content;
}

function unknownOf(model: unknown): string | undefined {
  if (!isRule(model)) return undefined;
  const { unk_token: said, unk_id: id, vocab } = model;
  if (typeof said === 'string') return said;
  return typeof id === 'number' ? textOf(listOf(listOf(vocab)[id])[0]) : undefined;
}

/** The tokens that a `post_processor` puts before and after a text. */
function aroundText(processor: unknown): readonly string[] {
  if (!isRule(processor)) return [];
  const { type, processors, single, cls, sep } = processor;
  if (type === 'Sequence')
    return (
      listOf(processors)
        .map(aroundText)
        .find((found) => found.length > 0) ?? []
    );
  if (type === 'TemplateProcessing')
    return listOf(single).flatMap((part) => {
      const special = isRule(part) ? part['SpecialToken'] : undefined;
      const id = isRule(special) ? textOf(special['id']) : undefined;
      return id === undefined ? [] : [id];
    });
  return [cls, sep].flatMap((pair) => textOf(listOf(pair)[0]) ?? []);
}
