import { geluValue } from '../../../graph/gelu.ts';
import { decodeHalf } from '../../../tensor/float16.ts';
import { Random } from '../../../tensor/random.ts';
import type { Dispatch } from '../dispatch.ts';
import type { MatmulTile } from '../matmul/form.ts';
import { unpackSizes } from '../shaderInterface.ts';
import type { Product } from './products.ts';

/** What some sums of a product must be. */
export interface Truth {
  /** Elements of C, from where it is bound. */
  readonly places: Uint32Array<ArrayBuffer>;
  readonly values: Float64Array;
}

/**
 * Numbers that operands are filled with, again and again: zeros would let some GPUs run faster than they do. Read as floats they lie
 * between -0.5 and 0.5; their two halves of 16 bits are ordinary numbers of half precision as well.
 */
interface Block {
  readonly bits: Uint32Array<ArrayBuffer>;
  readonly floats: Float32Array;
  readonly halves: Float32Array;
}

export const BLOCK_BYTES = 2 ** 20;
/** What C holds at the places of a truth before a kernel runs. */
export const BEFORE = 0.25;

/** One measured dispatch does no more than this: a large product on a slow GPU would trip the driver's watchdog. */
const MOST_FLOPS = 2e9;
/** Products of numbers for all sums of a truth together: about a millisecond. */
const MOST_TERMS = 2 ** 19;
const [FEWEST_SUMS, MOST_SUMS] = [16, 512] as const;
/** As a share of the largest sum: float32 in another order is 1e-6 off, an erf by polynomial 1e-6. */
const TOLERANCE = 1e-3;

/** Groups along y that are run of a dispatch: whole rows of workgroups are left out. */
export function keptGroups({ groups: [, y], flops }: Pick<Dispatch, 'groups' | 'flops'>): number {
  return Math.max(1, Math.ceil((y * MOST_FLOPS) / Math.max(MOST_FLOPS, flops)));
}

/** Rows of C that a measured kernel computes. Several dispatches hand work on to each other, and stay whole. */
function rowsOf({ threadsY, rows }: MatmulTile, dispatches: readonly Dispatch[]): number {
  const [only] = dispatches;
  return only === undefined || dispatches.length > 1 ? Infinity : keptGroups(only) * threadsY * rows;
}

let known: Block | undefined;

/** Some sums of a product whose operands hold the block, in float64: corners, and others at random. */
export function truthOf({ problem, variants }: Product): Truth {
  const none: Truth = { places: new Uint32Array(), values: new Float64Array() };
  // A kernel of one dispatch says where everything lies.
  const [first] = variants.find(({ dispatches }) => dispatches.length === 1)?.dispatches ?? [];
  if (first === undefined) return none;
  const { floats, halves } = block();
  const sizes = unpackSizes(first.shader, first.sizes);
  const size = (name: string): number => sizes.get(name) ?? 0;
  const { form, m, n, k, batch } = problem;
  const [a, b] = [form.halfA ? halves : floats, form.halfB ? halves : floats];
  const at = (list: Float32Array, place: number): number => list[place % list.length] ?? 0;
  const inner = size('innerBatches');
  const rows = Math.min(m, ...variants.map(({ tile, dispatches }) => rowsOf(tile, dispatches)));
  const sum = (batch0: number, batch1: number, row: number, column: number): readonly [number, number] => {
    let total = 0;
    const aPlace = size('aStart') + batch0 * size('aBatch0') + batch1 * size('aBatch1') + row * size('aRow');
    const bPlace = size('bStart') + batch0 * size('bBatch0') + batch1 * size('bBatch1') + column * size('bColumn');
    const [aStep, bStep] = [size('aColumn'), size('bRow')];
    for (let i = 0; i < k; i++) total += at(a, aPlace + i * aStep) * at(b, bPlace + i * bStep);
    const within = batch0 * size('cBatch0') + batch1 * size('cBatch1') + row * size('cRow') + column;
    let value = size('alpha') * total;
    if (form.bias) value += at(floats, size('biasStart') + column);
    if (form.addend) value += at(floats, size('addendStart') + within);
    if (form.accumulate) value += BEFORE;
    return [size('cStart') + within, form.activation === 'none' ? value : geluValue(value, form.activation)];
  };
  const random = new Random(11);
  const found = new Map<number, number>();
  const corners = [0, rows - 1].flatMap((row) => [0, n - 1].map((column) => [row, column] as const));
  const count = Math.min(MOST_SUMS, Math.max(FEWEST_SUMS, Math.floor(MOST_TERMS / k)));
  for (let i = 0; i < count; i++) {
    const [row, column] = corners[i] ?? [random.integer(rows), random.integer(n)];
    const which = random.integer(batch);
    const [place, value] = sum(Math.floor(which / inner), which % inner, row, column);
    found.set(place, value);
  }
  return { places: Uint32Array.from(found.keys()), values: Float64Array.from(found.values()) };
}

/** Whether a kernel's sums are those of the truth. */
export function isRight({ values }: Truth, got: ArrayLike<number>): boolean {
  const allowed = TOLERANCE * values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  // What is not a number is never within a tolerance.
  return values.every((x, i) => Math.abs((got[i] ?? Number.NaN) - x) <= allowed);
}

/** The block that operands are filled with, made once. */
export function block(): Block {
  if (known !== undefined) return known;
  const random = new Random(7);
  const rough = Float32Array.from({ length: BLOCK_BYTES / 4 }, () => (random.integer(255) - 127) / 256);
  // Of the low half, sign and exponent of numbers between 0.25 and 0.5, and some digits.
  const bits = new Uint32Array(rough.buffer).map(
    (word) => (word & 0xffff0000) | 0x3400 | (random.integer(2) << 15) | random.integer(0x400),
  );
  return (known = { bits, floats: new Float32Array(bits.buffer), halves: decodeHalf(new Uint16Array(bits.buffer)) });
}
