import { formatShape, sizeOf, type Shape } from '../tensor/shape.ts';
import { shownName } from '../tensor/shown.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { ModelConfig } from './config.ts';
import { familyOf } from './families/registry.ts';
import { SUPPORTED } from './families/unsupported.ts';
import { encoderShapes, headShapes } from './model.ts';
import { blueprintOf } from './blueprint.ts';

/** The note on a checkpoint of an encoder alone. */
export const NO_HEAD = 'The checkpoint has no head for masked language modelling; one is fitted on the text.';

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
  /** The family's name, if the tensor was used. */
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

/** Where a parameter's numbers are among those of a checkpoint. */
export interface TensorSource {
  /** The checkpoint's name. */
  readonly name: string;
  /** The tensor's first number that is the parameter's; those of others lie before it. */
  readonly from: number;
}

export interface TensorMap {
  readonly head: HeadState;
  /** Where each parameter's numbers are, by the family's name. */
  readonly sources: ReadonlyMap<string, TensorSource>;
  readonly uses: readonly TensorUse[];
  readonly copies: readonly TensorCopy[];
  /** What a user should know, in sentences. */
  readonly notes: readonly string[];
}

/**
 * Finds every parameter of a model among a checkpoint's tensors, by names and shapes alone. Which names mean what, and what
 * may be left out, the family says.
 * @throws StudioError naming the tensor that is missing, comes twice, has another shape, or is not the family's
 */
export function mapTensors(config: ModelConfig, found: ReadonlyMap<string, FoundTensor>): TensorMap {
  const family = familyOf(config.family);
  const own = family.ownNames(config, [...found.keys()]);
  const encoder = encoderShapes(config);
  const headOnly = headShapes(config);
  const wanted = new Map([...encoder, ...headOnly]);
  const sources = new Map<string, TensorSource>();
  const packed = new Map(family.packed?.(config).map(({ name, parts }) => [name, parts]));
  const uses: TensorUse[] = [];
  const copies: TensorCopy[] = [];
  const notes = new Set<string>();
  for (const [name, tensor] of found) {
    const as = own.get(name) ?? name;
    const about = { name: shownName(tensor.from ?? name), shape: tensor.shape, dtype: tensor.dtype };
    const parts = packed.get(as) ?? [as];
    const shape = stackedShape(parts.map((part) => wanted.get(part)));
    if (shape === undefined) {
      const { why, note, of } = family.leftOut(as, config);
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
    let from = 0;
    for (const part of parts) {
      const twin = sources.get(part);
      if (twin !== undefined)
        throw new StudioError(
          'checkpoint',
          `teacher: ${part} — expected once, got it as ${shownName(twin.name)} and as ${about.name}. Give the files of one checkpoint.`,
        );
      sources.set(part, { name, from });
      from += sizeOf(wanted.get(part) ?? []);
    }
    uses.push({ ...about, use: 'used', as });
  }
  const missing = [...wanted].filter(([name]) => !sources.has(name));
  const absent = missing.filter(([name]) => encoder.has(name));
  if (absent.length > 0) throw missingError(absent, 'The checkpoint is not whole, or not of this config.json.');
  const head: HeadState = [...sources.keys()].some((name) => headOnly.has(name)) ? 'mlm' : 'none';
  if (head === 'mlm' && missing.length > 0)
    throw missingError(
      missing,
      missing[0]?.[0] === blueprintOf(config).module('decoder').weight
        ? `config.json says ${family.tieSetting}: false; if one table serves both, say true.`
        : 'A head for masked language modelling is used whole or not at all.',
    );
  if (head === 'none') notes.add(NO_HEAD);
  for (const [name, shape] of missing)
    uses.push({ name, shape, dtype: '', use: 'missing', why: 'the checkpoint has no head for masked language modelling' });
  return { head, sources, uses, copies, notes: [...notes] };
}

/** Shape of tensors that lie one behind the other, row by row; undefined if one is not wanted. */
function stackedShape(shapes: readonly (Shape | undefined)[]): Shape | undefined {
  const [first] = shapes;
  if (first === undefined || shapes.includes(undefined)) return undefined;
  return [shapes.reduce((rows, shape) => rows + (shape?.[0] ?? 0), 0), ...first.slice(1)];
}

function missingError(missing: readonly (readonly [string, Shape])[], cure: string): StudioError {
  const [name, shape] = missing[0] ?? ['', []];
  return new StudioError(
    'checkpoint',
    `teacher: ${name} — expected ${formatShape(shape)}, got nothing; ${missing.length} tensors are missing. ${cure} ${SUPPORTED}`,
    { missing: missing.map(([missed]) => missed) },
  );
}
