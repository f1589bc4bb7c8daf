import { formatShape, type Shape } from '../tensor/shape.ts';
import { shownName } from '../tensor/shown.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { BertConfig } from './config.ts';
import { foreignNames, SUPPORTED } from './families.ts';
import { encoderShapes, headShapes } from './model.ts';
import { embeddingNames, headNames } from './names.ts';

/** Whether a checkpoint brings a head for masked language modelling. */
export type HeadState = 'mlm' | 'none';

/** A checkpoint's tensor, before its numbers are read. */
export interface FoundTensor {
  readonly shape: Shape;
  /** As its file says it. */
  readonly dtype: string;
  /** False for whole numbers. */
  readonly floating: boolean;
  /** Its name in the file, where that says nothing. */
  readonly from?: string;
}

/** What became of one tensor. */
export interface TensorUse {
  /** In the checkpoint; of a missing one, the name that was looked for. */
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: string;
  readonly use: 'used' | 'ignored' | 'missing';
  /** Hugging Face's name, where the tensor was used. */
  readonly as?: string;
  /** Why it was ignored, or what its absence means. */
  readonly why?: string;
}

/** A tensor that should equal another, and is not used itself. */
export interface TensorCopy {
  readonly name: string;
  /** The name, among `sources`, of what is used. */
  readonly of: string;
}

export interface TensorMap {
  readonly head: HeadState;
  /** Where each parameter's numbers are: Hugging Face's name to the checkpoint's. */
  readonly sources: ReadonlyMap<string, string>;
  readonly uses: readonly TensorUse[];
  readonly copies: readonly TensorCopy[];
  /** What a user should know, in sentences. */
  readonly notes: readonly string[];
}

const WORDS = 'embeddings.word_embeddings.weight';
/** Tables that every BERT has; a tied one may be stored under the decoder's name. */
const ANCHOR = /^(?<prefix>(?:.*\.)?)embeddings\.(?:word|position|token_type)_embeddings\.weight$/;
const DECODER_BIAS = 'cls.predictions.decoder.bias';

/** Parts that are left out, by how their full names begin: why, and the sentence that the user reads. */
const LEFT_OUT: readonly (readonly [prefix: string, why: string, note?: string])[] = [
  ['bert.embeddings.position_ids', 'counts the positions; made anew'],
  ['bert.embeddings.token_type_ids', 'a buffer of zeros; made anew'],
  ['bert.pooler.', 'pooler: masked language modelling does not use it'],
  ['cls.seq_relationship.', 'next-sentence head: masked language modelling does not use it'],
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

/**
 * Finds every parameter of a BERT among a checkpoint's tensors, by names and shapes alone.
 *
 * Reads `gamma`/`beta`, names without `bert.` or behind a wrapper's prefix, and `decoder.bias` for the output bias;
 * leaves out poolers, next-sentence and task heads, position ids and copies of the tied table.
 * @throws StudioError naming the tensor that is missing, comes twice, has another shape, or is not a BERT's
 */
export function mapTensors(config: BertConfig, found: ReadonlyMap<string, FoundTensor>): TensorMap {
  const prefix = prefixOf(found);
  const encoder = encoderShapes(config);
  const wanted = new Map([...encoder, ...headShapes(config)]);
  const sources = new Map<string, string>();
  const uses: TensorUse[] = [];
  const copies: TensorCopy[] = [];
  const notes = new Set<string>();
  const full = new Map([...found.keys()].map((name) => [name, fullName(name, prefix)]));
  const said = new Set(full.values());
  // Whoever stores a shared tensor once keeps one of its names, not always the one that Hugging Face keeps.
  const other = new Map<string, string>();
  if (!said.has(headNames.bias)) other.set(DECODER_BIAS, headNames.bias);
  if (config.tieWordEmbeddings && !said.has(embeddingNames.word)) other.set(headNames.decoder, embeddingNames.word);
  for (const [name, tensor] of found) {
    const own = full.get(name) ?? name;
    const as = other.get(own) ?? own;
    const about = { name: shownName(tensor.from ?? name), shape: tensor.shape, dtype: tensor.dtype };
    const shape = wanted.get(as);
    if (shape === undefined) {
      const { why, note, of } = leftOut(as, config);
      if (of !== undefined && tensor.floating) copies.push({ name, of });
      if (note !== undefined) notes.add(note);
      uses.push({ ...about, use: 'ignored', why });
      continue;
    }
    if (formatShape(shape) !== formatShape(tensor.shape))
      throw new StudioError(
        'checkpoint',
        `teacher: ${about.name} — expected ${formatShape(shape)} from config.json, got ${formatShape(tensor.shape)}. Config and weights are from different models.`,
        { tensor: about.name },
      );
    if (!tensor.floating)
      throw new StudioError(
        'checkpoint',
        `teacher: ${about.name} — expected floating-point numbers, got ${tensor.dtype}. Quantised weights cannot be trained on; give the original checkpoint.`,
        { tensor: about.name },
      );
    const twin = sources.get(as);
    if (twin !== undefined)
      throw new StudioError(
        'checkpoint',
        `teacher: ${as} — expected once, got it as ${shownName(twin)} and as ${about.name}. Give the files of one checkpoint.`,
      );
    sources.set(as, name);
    uses.push({ ...about, use: 'used', as });
  }
  const missing = [...wanted].filter(([name]) => !sources.has(name));
  const absent = missing.filter(([name]) => encoder.has(name));
  if (absent.length > 0) throw missingError(absent, 'The checkpoint is not whole, or not of this config.json.');
  const head: HeadState = [...sources.keys()].some((name) => name.startsWith('cls.predictions.')) ? 'mlm' : 'none';
  if (head === 'mlm' && missing.length > 0)
    throw missingError(
      missing,
      missing[0]?.[0] === headNames.decoder
        ? 'config.json says tie_word_embeddings: false; if one table serves both, say true.'
        : 'A head for masked language modelling is used whole or not at all.',
    );
  if (head === 'none') notes.add('The checkpoint has no head for masked language modelling; one is fitted on the text.');
  for (const [name, shape] of missing)
    uses.push({ name, shape, dtype: '', use: 'missing', why: 'the checkpoint has no head for masked language modelling' });
  return { head, sources, uses, copies, notes: [...notes] };
}

function missingError(missing: readonly (readonly [string, Shape])[], cure: string): StudioError {
  const [name, shape] = missing[0] ?? ['', []];
  return new StudioError(
    'checkpoint',
    `teacher: ${name} — expected ${formatShape(shape)}, got nothing; ${missing.length} tensors are missing. ${cure} ${SUPPORTED}`,
    { missing: missing.map(([missed]) => missed) },
  );
}

function modern(name: string): string {
  return name.replace(/LayerNorm\.gamma$/, 'LayerNorm.weight').replace(/LayerNorm\.beta$/, 'LayerNorm.bias');
}

/** What stands before `embeddings.word_embeddings.weight`: `bert.`, nothing, or what a wrapper put there. */
function prefixOf(found: ReadonlyMap<string, FoundTensor>): string {
  const foreign = foreignNames(found.keys());
  if (foreign !== undefined)
    throw new StudioError('checkpoint', `teacher: expected tensors of a BERT, got others. ${foreign}. ${SUPPORTED}`);
  const prefixes = new Set([...found.keys()].flatMap((name) => ANCHOR.exec(name)?.groups?.['prefix'] ?? []));
  const [first] = prefixes;
  const usual = ['bert.', ''].find((one) => prefixes.has(one));
  const prefix = usual ?? (prefixes.size === 1 ? first : undefined);
  if (prefix !== undefined) return prefix;
  if (prefixes.size > 1)
    throw new StudioError(
      'checkpoint',
      `teacher: expected one encoder, got ${prefixes.size}: ${[...prefixes].slice(0, 4).map(shownName).join(', ')}. Save the one that you want.`,
    );
  const some = [...found.keys()].slice(0, 3).map(shownName).join(', ');
  throw new StudioError('checkpoint', `teacher: ${WORDS} — expected among the tensors, got ${some || 'none'}. ${SUPPORTED}`, {
    missing: [embeddingNames.word],
  });
}

/** Hugging Face's name of a tensor in a BERT with a head. */
function fullName(name: string, prefix: string): string {
  const given = modern(name);
  if (given.startsWith(prefix)) {
    const rest = given.slice(prefix.length);
    if (/^(?:embeddings|encoder|pooler)\./.test(rest)) return `bert.${rest}`;
  }
  const wrapper = prefix.replace(/bert\.$/, '');
  return given.startsWith(wrapper) ? given.slice(wrapper.length) : given;
}

function leftOut(name: string, config: BertConfig): { why: string; note?: string; of?: string } {
  if (name === headNames.decoder) return { why: 'the decoder is tied to the word embeddings', of: embeddingNames.word };
  if (name === DECODER_BIAS) return { why: `the same as ${headNames.bias}`, of: headNames.bias };
  for (const [prefix, why, note] of LEFT_OUT) if (name.startsWith(prefix)) return note === undefined ? { why } : { why, note };
  const layer = /^bert\.encoder\.layer\.(?<layer>\d+)\./.exec(name)?.groups?.['layer'];
  if (layer !== undefined && Number(layer) >= config.layers)
    throw new StudioError(
      'checkpoint',
      `teacher: ${shownName(name)} — expected layers 0 to ${config.layers - 1} from config.json, got layer ${layer}. Config and weights are from different models.`,
      { tensor: shownName(name) },
    );
  // Left out, such a part would give a model with other numbers.
  if (name.startsWith('bert.') || name.startsWith('cls.predictions.')) {
    const reason = name.includes('distance_embedding')
      ? 'It attends by relative positions. '
      : name.includes('crossattention')
        ? 'It is a decoder. '
        : '';
    throw new StudioError('checkpoint', `teacher: ${shownName(name)} — expected no such tensor in a BERT, got one. ${reason}${SUPPORTED}`, {
      tensor: shownName(name),
    });
  }
  return { why: 'not a part of the encoder' };
}
