import { shownName } from '../../tensor/shown.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { FamilyRole } from '../blueprint.ts';
import type { ModelConfig } from '../config.ts';
import type { Family, LeftOut, ParameterNames, Step } from '../family.ts';
import { foreignNames, SUPPORTED } from './unsupported.ts';

/** A part of checkpoints that is left out: how its full name begins, why, and the sentence that the user reads. */
export type LeftOutPart = readonly [prefix: string, why: string, note?: string];

/** What Hugging Face calls the tensors of a family whose tables are `ROOT.embeddings.*_embeddings`. */
export interface CheckpointNames {
  /** With its article, as in `a BERT`. */
  readonly family: string;
  /** What stands before the encoder's parts, as `bert.`; checkpoints of an encoder alone leave it out. */
  readonly root: string;
  /** The encoder's parts, as they begin right behind it. */
  readonly parts: RegExp;
  /** Where the head's names begin, which may not be left out. */
  readonly head: readonly string[];
  /** The table of words, and the decoder's weight, which is the same if they are tied. */
  readonly words: string;
  readonly decoder: string;
  /** The decoder's bias, and the name of its copy if there is one. */
  readonly bias: string;
  readonly biasCopy?: string;
  /** A layer's number, as the group `layer`, in a full name. */
  readonly layer: RegExp;
  readonly leftOut: readonly LeftOutPart[];
}

/** Weight and bias of a module that has both. */
export const both = (module: string): ParameterNames => ({ weight: `${module}.weight`, bias: `${module}.bias` });

/** Heads that every family's tasks are called by. */
export const TASK_HEADS: readonly LeftOutPart[] = [
  [
    'qa_outputs.',
    'question-answering head: not carried over',
    'The question-answering head is not carried over: the encoder alone is the teacher.',
  ],
  [
    'classifier.',
    'classification or tagging head: not carried over',
    'The classification or tagging head is not carried over: the encoder alone is the teacher.',
  ],
];

/** Tables that every encoder has; a tied one may be stored under the decoder's name. */
const ANCHOR = /^(?<prefix>(?:.*\.)?)embeddings\.(?:word|position|token_type|tok)_embeddings\.weight$/;

/**
 * The full name of every tensor of a checkpoint: reads `gamma`/`beta`, names without the root or behind a wrapper's prefix, and
 * the copies of tied tensors.
 * @throws StudioError if they are another family's, or of several encoders
 */
export function fullNames(own: CheckpointNames, config: ModelConfig, names: readonly string[]): Map<string, string> {
  const prefix = prefixOf(own, names);
  const full = new Map(names.map((name) => [name, fullName(own, name, prefix)]));
  const said = new Set(full.values());
  // Whoever stores a shared tensor once keeps one of its names, not always the one that Hugging Face keeps.
  const other = new Map<string, string>();
  if (own.biasCopy !== undefined && !said.has(own.bias)) other.set(own.biasCopy, own.bias);
  if (config.tieWordEmbeddings && !said.has(own.words)) other.set(own.decoder, own.words);
  return new Map([...full].map(([name, found]) => [name, other.get(found) ?? found]));
}

function modern(name: string): string {
  return name.replace(/LayerNorm\.gamma$/, 'LayerNorm.weight').replace(/LayerNorm\.beta$/, 'LayerNorm.bias');
}

/** What stands before `embeddings.word_embeddings.weight`: the root, nothing, or what a wrapper put there. */
function prefixOf({ family, root, words }: CheckpointNames, names: readonly string[]): string {
  const foreign = foreignNames(words, names);
  if (foreign !== undefined)
    throw new StudioError('checkpoint', `teacher: expected tensors of ${family}, got others. ${foreign}. ${SUPPORTED}`);
  const prefixes = new Set(names.flatMap((name) => ANCHOR.exec(name)?.groups?.['prefix'] ?? []));
  const [first] = prefixes;
  const usual = [root, ''].find((one) => prefixes.has(one));
  const prefix = usual ?? (prefixes.size === 1 ? first : undefined);
  if (prefix !== undefined) return prefix;
  if (prefixes.size > 1)
    throw new StudioError(
      'checkpoint',
      `teacher: expected one encoder, got ${prefixes.size}: ${[...prefixes].slice(0, 4).map(shownName).join(', ')}. Save the one that you want.`,
    );
  const some = names.slice(0, 3).map(shownName).join(', ');
  throw new StudioError(
    'checkpoint',
    `teacher: ${words.replace(root, '')} — expected among the tensors, got ${some || 'none'}. ${SUPPORTED}`,
    { missing: [words] },
  );
}

/** Hugging Face's name of a tensor in a model with a head. */
function fullName({ root, parts }: CheckpointNames, name: string, prefix: string): string {
  const given = modern(name);
  if (given.startsWith(prefix)) {
    const rest = given.slice(prefix.length);
    if (parts.test(rest)) return `${root}${rest}`;
  }
  const wrapper = prefix.endsWith(root) ? prefix.slice(0, -root.length) : prefix;
  return given.startsWith(wrapper) ? given.slice(wrapper.length) : given;
}

/** As {@link Family.leftOut}. @throws StudioError for a part without which the model would give other numbers */
export function leftOutBy(own: CheckpointNames, name: string, config: ModelConfig): LeftOut {
  if (name === own.decoder) return { why: 'the decoder is tied to the word embeddings', of: own.words };
  if (name === own.biasCopy) return { why: `the same as ${own.bias}`, of: own.bias };
  for (const [prefix, why, note] of own.leftOut) if (name.startsWith(prefix)) return note === undefined ? { why } : { why, note };
  const layer = own.layer.exec(name)?.groups?.['layer'];
  if (layer !== undefined && Number(layer) >= config.layers)
    throw new StudioError(
      'checkpoint',
      `teacher: ${shownName(name)} — expected layers 0 to ${config.layers - 1} from config.json, got layer ${layer}. Config and weights are from different models.`,
      { tensor: shownName(name) },
    );
  // Left out, such a part would give a model with other numbers.
  if ([own.root, ...own.head].some((start) => name.startsWith(start))) {
    const reason = name.includes('distance_embedding')
      ? 'It attends by relative positions. '
      : name.includes('crossattention')
        ? 'It is a decoder. '
        : '';
    throw new StudioError(
      'checkpoint',
      `teacher: ${shownName(name)} — expected no such tensor in ${own.family}, got one. ${reason}${SUPPORTED}`,
      {
        tensor: shownName(name),
      },
    );
  }
  return { why: 'not a part of the encoder' };
}

/** Nodes stand where PyTorch's exporter puts them: a module's at its path, a step's where `steps` says. */
export function placeBy(
  parameters: Family['parameters'],
  steps: (layer: number) => Readonly<Record<Step, string>>,
): (step: FamilyRole | Step, layer: number) => string {
  return (step, layer) => {
    const named = steps(layer);
    if (isStep(step, named)) return named[step];
    const module = (parameters(step, layer)?.weight ?? step).replace(/\.weight$/, '');
    return `/${module.replace(/\.(?!\d)/g, '/')}`;
  };
}

function isStep(name: FamilyRole | Step, steps: Readonly<Record<Step, string>>): name is Step {
  return Object.hasOwn(steps, name);
}

/** As {@link Family.weightName}. @param decoders where the bias of a decoder says another name than its weight: one and the other */
export function weightNameBy(
  decoders: ReadonlyMap<string, string>,
): (names: readonly string[], biases: readonly string[]) => string | undefined {
  return (names, biases) => {
    const own = names.find((name) => name.endsWith('.weight'));
    const bias = biases.find((name) => name.endsWith('.bias'));
    return own ?? (bias === undefined ? undefined : (decoderOf(decoders, bias) ?? bias.replace(/\.bias$/, '.weight')));
  };
}

/** Behind a wrapper's prefix, too. */
function decoderOf(decoders: ReadonlyMap<string, string>, bias: string): string | undefined {
  for (const [from, to] of decoders) if (bias === from || bias.endsWith(`.${from}`)) return bias.slice(0, -from.length) + to;
  return undefined;
}
