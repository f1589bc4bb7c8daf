import { sizeInWords } from '../../tensor/bytes.ts';
import type { SlabPlacement, Piece } from './slabs.ts';
import type { Value } from '../../graph/value.ts';
import { EngineError } from '../engineError.ts';
import type { BoundRange } from './dispatch.ts';

/** Rows [first, first + count) of an operation. */
export interface RowRange {
  readonly first: number;
  readonly count: number;
}

/** A tensor seen as rows of `width` elements. */
export interface RowOperand {
  readonly value: Value;
  readonly width: number;
}

const BINDING_ALIGNMENT = 256;

/** Where a program's tensors, scratch areas and tables lie, as ranges to bind. */
export class ProgramMemory {
  readonly #placement: SlabPlacement;
  readonly #bindingBytes: number;
  /** Bytes of every scratch area. */
  readonly scratch: number[] = [];
  /** Numbers of scratch areas that an operation may take, and of those that the present one has. */
  readonly #idle = new Set<number>();
  readonly #lent = new Set<number>();
  readonly tables: Uint32Array<ArrayBuffer>[] = [];

  constructor(placement: SlabPlacement, bindingBytes: number) {
    this.#placement = placement;
    this.#bindingBytes = bindingBytes;
  }

  /** Whether the tensor is stored in half precision. */
  isHalf({ storage }: Value): boolean {
    return this.#placement.halves.has(storage.id);
  }

  /** Bytes of one element. */
  width(value: Value): 2 | 4 {
    return this.isHalf(value) ? 2 : 4;
  }

  pieces(value: Value): readonly Piece[] {
    const pieces = this.#placement.pieces.get(value.storage.id);
    if (pieces === undefined) throw new EngineError(`webgpu: ${value.storage.label} has no place in the plan.`);
    return pieces;
  }

  /** The piece that holds this element of the value's storage. */
  pieceAt(value: Value, element: number): Piece {
    const piece = this.pieces(value).find(({ first, count }) => element >= first && element < first + count);
    if (piece === undefined) throw new EngineError(`webgpu: ${value.storage.label} has no element ${element}.`);
    return piece;
  }

  /** A whole tensor in one binding. @throws EngineError with its size where it was cut */
  whole(value: Value): BoundRange {
    return this.window(value, 0, value.storage.size);
  }

  /** A whole slab, for kernels that find tensors in it by a table. */
  slab(slab: number): BoundRange {
    return { place: { kind: 'slab', slab }, offset: 0, size: this.#placement.slabs[slab] ?? 0, label: `slab ${slab}` };
  }

  wholePiece(value: Value, piece: Piece): BoundRange {
    return {
      place: { kind: 'slab', slab: piece.slab },
      offset: piece.offset,
      size: Math.ceil((piece.count * this.width(value)) / 16) * 16,
      label: value.storage.label,
    };
  }

  /** Elements [first, first + count) of a storage in one binding. */
  window(value: Value, first: number, count: number): BoundRange {
    const piece = this.pieceAt(value, first);
    const width = this.width(value);
    const offset = piece.offset + (first - piece.first) * width;
    if (first + count > piece.first + piece.count || offset % BINDING_ALIGNMENT !== 0) throw this.#tooLarge(value, count);
    return {
      place: { kind: 'slab', slab: piece.slab },
      offset,
      // Vectors of four are bound whole; the padding behind a tensor is its own.
      size: Math.ceil((count * width) / 16) * 16,
      label: value.storage.label,
    };
  }

  /** A range of whole rows. */
  rows(value: Value, width: number, range: RowRange): BoundRange {
    return this.window(value, range.first * width, range.count * width);
  }

  /** Cuts rows so that every range lies in one piece of every operand. */
  rowRanges(rows: number, operands: readonly RowOperand[]): RowRange[] {
    const cuts = new Set([0, rows]);
    for (const { value, width } of operands)
      for (const { first } of this.pieces(value)) {
        if (first % width !== 0) throw this.#tooLarge(value, value.storage.size);
        cuts.add(first / width);
      }
    const sorted = [...cuts].toSorted((a, b) => a - b);
    return sorted.slice(0, -1).map((first, index) => ({ first, count: (sorted[index + 1] ?? rows) - first }));
  }

  /**
   * An area that dispatches hand on to later ones of their operation, apart from all that were handed out since
   * {@link reuseScratch}: of the areas that are free, the one that grows least.
   */
  scratchArea(bytes: number): BoundRange {
    const size = this.#scratchBytes(bytes);
    const has = (number: number): number => this.scratch[number] ?? 0;
    const [best] = [...this.#idle].toSorted(
      (one, other) => Math.max(size, has(one)) - has(one) - (Math.max(size, has(other)) - has(other)) || has(one) - has(other),
    );
    const number = best ?? this.scratch.push(size) - 1;
    this.#idle.delete(number);
    this.#lent.add(number);
    this.scratch[number] = Math.max(has(number), size);
    return scratchRange(number, size);
  }

  /** A scratch area whose contents outlive the operation: nothing else is ever in it. */
  keptArea(bytes: number): BoundRange {
    const size = this.#scratchBytes(bytes);
    return scratchRange(this.scratch.push(size) - 1, size);
  }

  /** Makes the areas of {@link scratchArea} free again: no later dispatch needs what is in them. */
  reuseScratch(): void {
    for (const number of this.#lent) this.#idle.add(number);
    this.#lent.clear();
  }

  /** Words that the host fills in once. */
  table(words: Uint32Array<ArrayBuffer>): BoundRange {
    const number = this.tables.push(words) - 1;
    return { place: { kind: 'table', number }, offset: 0, size: Math.ceil(words.byteLength / 16) * 16, label: `table ${number}` };
  }

  #scratchBytes(bytes: number): number {
    const size = Math.ceil(bytes / BINDING_ALIGNMENT) * BINDING_ALIGNMENT;
    if (size > this.#bindingBytes)
      throw new EngineError(
        `webgpu: a scratch area of ${sizeInWords(bytes)} does not fit in a binding of ${sizeInWords(this.#bindingBytes)}.`,
      );
    return size;
  }

  #tooLarge(value: Value, count: number): EngineError {
    return new EngineError(
      `webgpu: ${value.storage.label} [${value.shape.join(', ')}] needs ${sizeInWords(count * this.width(value))} in one binding; this adapter allows ${sizeInWords(this.#bindingBytes)}. Lower the batch size, or use the CPU engine.`,
      { bytes: count * this.width(value), limit: this.#bindingBytes, tensor: value.storage.label },
    );
  }
}

function scratchRange(number: number, size: number): BoundRange {
  return { place: { kind: 'area', number }, offset: 0, size, label: `scratch ${number}` };
}
