import type { Graph } from '../graph/graph.ts';
import type { Value } from '../graph/value.ts';
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

/** 0, 1, .. T-1 for every sequence, [B T]. */
export function positionIds({ batch, sequence }: BatchSize): Int32Array {
  return Int32Array.from({ length: batch * sequence }, (_, i) => i % sequence);
}
