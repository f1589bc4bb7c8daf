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
 * @param part number of the micro-batch; later ones share the segment ids of the first
 */
export function encoderInputs(graph: Graph, size: BatchSize, part = 0): EncoderInputs {
  const { batch, sequence } = size;
  const tokens = batch * sequence;
  return {
    batch,
    sequence,
    inputIds: graph.input(partName('inputIds', part), [tokens], 'i32'),
    positionIds: graph.input(partName('positionIds', part), [tokens], 'i32'),
    typeIds: graph.inputs.get('typeIds') ?? graph.input('typeIds', [tokens], 'i32'),
    keyRanges: keyRangesInput(graph, size, part),
  };
}

/** The keys that every query sees, [B, T, 2]; {@link writeKeys} writes them. */
export function keyRangesInput(graph: Graph, { batch, sequence }: BatchSize, part = 0): Value {
  return graph.input(partName('keyRanges', part), [batch, sequence, 2], 'i32');
}

/** A program, as far as its inputs go. */
interface Inputs {
  write(name: string, data: Float32Array | Int32Array): void;
}

/** Which tokens of a batch belong together. */
export interface Places {
  /** [B T], 1 for tokens, 0 for padding. */
  readonly attention: Uint8Array;
  /**
   * [D, 2]: tokens [start, end) of B T of every document, ascending, each within a row; tokens outside them are padding. If left
   * out, every row is one document, up to its last token. Each document's positions begin anew, and attention stays within it.
   */
  readonly documents?: Int32Array;
}

/** A batch as the host writes it. */
export interface Tokens extends Places {
  /** [B T]. */
  readonly inputIds: Int32Array;
}

/** The documents of a batch, [D, 2]: those that it names, or its rows up to their last token. */
export function documentsOf({ attention, documents }: Places, sequence: number): Int32Array {
  if (documents !== undefined) return documents;
  const rows: number[] = [];
  for (let start = 0; start < attention.length; start += sequence) {
    const used = attention.subarray(start, start + sequence).lastIndexOf(1) + 1;
    if (used > 0) rows.push(start, start + used);
  }
  return Int32Array.from(rows);
}

/** First key of every token's query within its row, and the end of its keys, [B, T, 2]. A row's padding sees its only document. */
export function keyRanges(places: Places, sequence: number): Int32Array {
  const ranges = new Int32Array(2 * places.attention.length);
  const found = documentsOf(places, sequence);
  for (let i = 0; i < found.length; i += 2) {
    const [start = 0, end = 0] = found.subarray(i, i + 2);
    const row = start - (start % sequence);
    const last = places.documents === undefined ? row + sequence : end;
    for (let at = start; at < last; at++) ranges.set([start - row, end - row], 2 * at);
  }
  return ranges;
}

/** Rows of the position table for every token, [B T]; those of padding are not used. @param offset of a document's first token */
export function positionIds({ batch, sequence }: BatchSize, offset = 0, documents: Int32Array = new Int32Array()): Int32Array {
  const positions = Int32Array.from({ length: batch * sequence }, (_, i) => offset + (i % sequence));
  for (let i = 0; i < documents.length; i += 2) {
    const [start = 0, end = 0] = documents.subarray(i, i + 2);
    for (let at = start; at < end; at++) positions[at] = offset + at - start;
  }
  return positions;
}

/** Segment ids, [B T]; of a family without segments nothing is written. */
export function writeSegments(program: Inputs, blueprint: Blueprint, segments: Int32Array): void {
  if (blueprint.find('segments') !== undefined) program.write('typeIds', segments);
}

/** Segment ids that are all 0, which they are in all but a few tests. */
export function writeOneSegment(program: Inputs, blueprint: Blueprint, { batch, sequence }: BatchSize): void {
  writeSegments(program, blueprint, new Int32Array(batch * sequence));
}

/** Token ids of one micro-batch, where they stand, and which keys they see. */
export function writeTokens(program: Inputs, blueprint: Blueprint, size: BatchSize, tokens: Tokens, part = 0): void {
  writeEmbedded(program, blueprint, size, tokens, part);
  writeKeys(program, size, tokens, part);
}

/** Token ids of one micro-batch, and where they stand: all that embeddings read but the segments. */
export function writeEmbedded(
  program: Inputs,
  blueprint: Blueprint,
  size: BatchSize,
  { inputIds, documents }: Pick<Tokens, 'inputIds' | 'documents'>,
  part = 0,
): void {
  program.write(partName('inputIds', part), inputIds);
  program.write(partName('positionIds', part), positionIds(size, blueprint.positionOffset, documents));
}

/** The keys that every query of one micro-batch sees. */
export function writeKeys(program: Inputs, { sequence }: BatchSize, places: Places, part = 0): void {
  program.write(partName('keyRanges', part), keyRanges(places, sequence));
}
