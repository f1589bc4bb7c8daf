import type { Graph } from '../graph/graph.ts';
import type { Value } from '../graph/value.ts';
import type { Blueprint } from './blueprint.ts';
import type { EncoderInputs } from './encoder.ts';

/** B sequences of T tokens. */
export interface BatchSize {
  readonly batch: number;
  readonly sequence: number;
}

/** Name of a micro-batch's input; the first one's are plain. */
export function partName(name: string, part: number): string {
  return part === 0 ? name : `${name}.${part}`;
}

/**
 * Declares what an encoder reads; the names are what the host writes.
 * @param part number of the micro-batch; later ones share the position and segment ids of the first
 */
export function encoderInputs(graph: Graph, { batch, sequence }: BatchSize, part = 0): EncoderInputs {
  const tokens = batch * sequence;
  const shared = (name: string): Value => graph.inputs.get(name) ?? graph.input(name, [tokens], 'i32');
  return {
    batch,
    sequence,
    inputIds: graph.input(partName('inputIds', part), [tokens], 'i32'),
    positionIds: shared('positionIds'),
    typeIds: shared('typeIds'),
    mask: graph.input(partName('mask', part), [batch, sequence]),
  };
}

/** Added to scores of padding before the softmax. Finite, so that a row of padding alone stays finite: all its scores are this number. */
export const MASKED_SCORE = -1e30;

/** A program, as far as its inputs go. */
interface Inputs {
  write(name: string, data: Float32Array | Int32Array): void;
}

/** Rows of the position table for every sequence, [B T]. @param offset of the first token */
export function positionIds({ batch, sequence }: BatchSize, offset = 0): Int32Array {
  return Int32Array.from({ length: batch * sequence }, (_, i) => offset + (i % sequence));
}

/** Writes what stays the same from batch to batch: where every token stands, and segments that are all 0. */
export function writePlaces(program: Inputs, blueprint: Blueprint, size: BatchSize): void {
  program.write('positionIds', positionIds(size, blueprint.positionOffset));
  writeSegments(program, blueprint, new Int32Array(size.batch * size.sequence));
}

/** Segment ids, [B T]; of a family without segments nothing is written. */
export function writeSegments(program: Inputs, blueprint: Blueprint, segments: Int32Array): void {
  if (blueprint.find('segments') !== undefined) program.write('typeIds', segments);
}

/** Token ids and mask of one micro-batch. @param attention [B T], 1 for tokens and 0 for padding */
export function writeTokens(
  program: Inputs,
  { inputIds, attention }: { readonly inputIds: Int32Array; readonly attention: Uint8Array },
  part = 0,
): void {
  program.write(partName('inputIds', part), inputIds);
  writeMask(program, attention, part);
}

/** The mask of one micro-batch. @param attention [B T], 1 for tokens and 0 for padding */
export function writeMask(program: Inputs, attention: Uint8Array, part = 0): void {
  program.write(
    partName('mask', part),
    Float32Array.from(attention, (token) => (token === 0 ? MASKED_SCORE : 0)),
  );
}
