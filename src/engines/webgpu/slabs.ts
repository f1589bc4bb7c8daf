import { formatShape } from '../../tensor/shape.ts';
import { Gaps } from '../../graph/gaps.ts';
import { lastUses, type Plan } from '../../graph/plan.ts';
import { GraphError, type Storage, type Value } from '../../graph/value.ts';

/** A run of a tensor's elements that lies in one slab. */
export interface Piece {
  readonly slab: number;
  /** Bytes from the start of the slab. */
  readonly offset: number;
  /** The first element of the storage that lies here. */
  readonly first: number;
  /** Elements. */
  readonly count: number;
}

/** Where a plan's tensors lie when no node may read and write one slab. */
export interface SlabPlacement {
  /** Bytes of every slab. */
  readonly slabs: readonly number[];
  /** Pieces of every storage in order, by storage id; more than one only where the storage is larger than a slab. */
  readonly pieces: ReadonlyMap<number, readonly Piece[]>;
  readonly bytes: number;
  /** Storages whose elements take two bytes, by id; all others take four. */
  readonly halves: ReadonlySet<number>;
}

export interface SlabOptions {
  /** No slab that several tensors share is larger than this many bytes. */
  readonly slabBytes: number;
  /** A tensor that is larger than a shared slab has one of its own, and is cut beyond this many bytes; `slabBytes` if left out. */
  readonly pieceBytes?: number;
  /** Every piece starts at a multiple of this many bytes. */
  readonly alignment: number;
  /** Storages that are stored in half precision, by id. */
  readonly halves?: ReadonlySet<number>;
}

/** A larger tensor is cut after a multiple of this many rows, so that cuts are aligned for every row length. */
const ROWS_A_CUT = 64;

/**
 * Places a plan's tensors in slabs so that no node finds an input and its output in one slab: WebGPU refuses to bind a
 * buffer both for reading and for writing, even at disjoint ranges.
 *
 * Inputs, states and temporaries never share a slab. A tensor that is larger than a slab is cut between rows of its last
 * axis, each piece alone in its slab.
 *
 * @throws GraphError if a single row of a tensor is larger than a slab allows
 */
export function placeInSlabs(plan: Plan, options: SlabOptions): SlabPlacement {
  const placer = new Placer(options);
  for (const group of [plan.inputs, plan.states]) {
    placer.startGroup();
    for (const value of group.values()) placer.placePersistent(value);
  }
  placer.startGroup();

  const lastUse = lastUses(plan.nodes, plan.outputs);
  plan.nodes.forEach((node, index) => {
    if (node.output.storage.kind === 'temporary') placer.placeTemporary(node.output, node.inputs);
    for (const { storage } of [...node.inputs, node.output])
      if (storage.kind === 'temporary' && lastUse.get(storage.id) === index) placer.release(storage);
  });
  return placer.result();
}

class Placer {
  readonly #options: SlabOptions;
  readonly #slabs: Gaps[] = [];
  readonly #pieces = new Map<number, readonly Piece[]>();
  readonly #released = new Set<number>();
  /** Slabs that hold a piece of a large tensor, free or not. */
  readonly #whole = new Map<number, { bytes: number; free: boolean }>();
  #groupStart = 0;

  constructor(options: SlabOptions) {
    this.#options = options;
  }

  /** Slabs so far are not used for what comes. */
  startGroup(): void {
    this.#groupStart = this.#slabs.length;
  }

  placePersistent(value: Value): void {
    if (this.#isLarge(value.storage)) this.#placeLarge(value);
    else this.#place(value.storage, new Set());
  }

  placeTemporary(value: Value, inputs: readonly Value[]): void {
    if (this.#pieces.has(value.storage.id)) return;
    if (this.#isLarge(value.storage)) {
      this.#placeLarge(value);
      return;
    }
    const read = new Set(inputs.flatMap(({ storage }) => (this.#pieces.get(storage.id) ?? []).map(({ slab }) => slab)));
    this.#place(value.storage, read);
  }

  release(storage: Storage): void {
    const pieces = this.#pieces.get(storage.id);
    if (pieces === undefined || this.#released.has(storage.id)) return;
    this.#released.add(storage.id);
    for (const { slab, offset, count } of pieces) {
      const whole = this.#whole.get(slab);
      if (whole === undefined) this.#slabs[slab]?.give(offset, this.#bytes(storage, count));
      else whole.free = true;
    }
  }

  result(): SlabPlacement {
    const slabs = this.#slabs.map(({ peak }, index) => this.#whole.get(index)?.bytes ?? peak);
    const bytes = slabs.reduce((sum, each) => sum + each, 0);
    return { slabs, pieces: this.#pieces, bytes, halves: this.#options.halves ?? new Set() };
  }

  #width({ id }: Storage): 2 | 4 {
    return this.#options.halves?.has(id) === true ? 2 : 4;
  }

  #bytes(storage: Storage, elements = storage.size): number {
    return Math.ceil((elements * this.#width(storage)) / this.#options.alignment) * this.#options.alignment;
  }

  #isLarge(storage: Storage): boolean {
    return this.#bytes(storage) > this.#options.slabBytes;
  }

  get #pieceBytes(): number {
    return Math.max(this.#options.slabBytes, this.#options.pieceBytes ?? 0);
  }

  /** The allowed slab that grows least; a new one where none has room. */
  #place(storage: Storage, forbidden: ReadonlySet<number>): void {
    const bytes = this.#bytes(storage);
    let best = -1;
    let leastGrowth = Infinity;
    for (let slab = this.#groupStart; slab < this.#slabs.length; slab++) {
      const gaps = this.#slabs[slab];
      if (gaps === undefined || forbidden.has(slab) || this.#whole.has(slab)) continue;
      const growth = gaps.growthOf(bytes);
      if (gaps.peak + growth > this.#options.slabBytes || growth >= leastGrowth) continue;
      best = slab;
      leastGrowth = growth;
    }
    if (best < 0) best = this.#slabs.push(new Gaps(0)) - 1;
    const offset = this.#slabs[best]?.take(bytes) ?? 0;
    this.#pieces.set(storage.id, [{ slab: best, offset, first: 0, count: storage.size }]);
  }

  #placeLarge({ storage, shape }: Value): void {
    if (this.#bytes(storage) <= this.#pieceBytes) {
      this.#pieces.set(storage.id, [{ slab: this.#wholeSlab(this.#bytes(storage)), offset: 0, first: 0, count: storage.size }]);
      return;
    }
    const unit = ROWS_A_CUT * (shape.at(-1) ?? 1);
    const most = Math.floor(this.#pieceBytes / this.#width(storage) / unit) * unit;
    if (most === 0)
      throw new GraphError(
        storage.label,
        `${formatShape(shape)} cannot be cut: ${ROWS_A_CUT} of its rows need ${unit * this.#width(storage)} bytes, one binding of this device holds ${this.#pieceBytes}. Use another engine.`,
      );
    const pieces: Piece[] = [];
    for (let first = 0; first < storage.size; first += most) {
      const count = Math.min(most, storage.size - first);
      pieces.push({ slab: this.#wholeSlab(this.#bytes(storage, count)), offset: 0, first, count });
    }
    this.#pieces.set(storage.id, pieces);
  }

  #wholeSlab(bytes: number): number {
    for (const [slab, whole] of this.#whole) {
      if (slab < this.#groupStart || !whole.free || whole.bytes !== bytes) continue;
      whole.free = false;
      return slab;
    }
    const slab = this.#slabs.push(new Gaps(0)) - 1;
    this.#whole.set(slab, { bytes, free: false });
    return slab;
  }
}
