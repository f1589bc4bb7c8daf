import type { Value } from '../../graph/value.ts';
import { EngineError } from '../engineError.ts';
import type { ProgramMemory } from './programMemory.ts';

/** A tensor in a box of indices: elements an axis, 0 for axes that it does not have. */
export interface BoxOperand {
  readonly value: Value;
  readonly strides: readonly number[];
}

/** A part of a box: its first index and its length on every axis. */
export interface Box {
  readonly first: readonly number[];
  readonly lengths: readonly number[];
}

/** The element of the operand's storage at the box's first index. */
export function startOf(operand: BoxOperand, box: Box): number {
  return box.first.reduce((sum, index, axis) => sum + index * (operand.strides[axis] ?? 0), 0);
}

/** Cuts a box of indices until every operand's part lies in one piece of its tensor; in order along every axis. */
export function cutBox(memory: ProgramMemory, box: Box, operands: readonly BoxOperand[]): Box[] {
  for (const operand of operands) {
    const start = startOf(operand, box);
    const last = box.lengths.reduce((sum, length, axis) => sum + (length - 1) * (operand.strides[axis] ?? 0), start);
    const piece = memory.pieceAt(operand.value, start);
    if (last < piece.first + piece.count) continue;
    // The axis with the longest stride is cut where the piece ends.
    const axis = longestAxis(operand, box);
    const length = box.lengths[axis] ?? 1;
    const stride = operand.strides[axis] ?? 0;
    if (length < 2 || stride < 1) throw new EngineError(`webgpu: ${operand.value.storage.label} cannot be cut to fit in bindings.`);
    const fit = Math.floor((piece.first + piece.count - start) / stride);
    const at = Math.min(Math.max(1, fit), length - 1);
    const part = (first: number, count: number): Box => ({
      first: box.first.map((index, i) => (i === axis ? index + first : index)),
      lengths: box.lengths.map((old, i) => (i === axis ? count : old)),
    });
    return [part(0, at), part(at, length - at)].flatMap((half) => cutBox(memory, half, operands));
  }
  return [box];
}

/** Work is cut between whole tiles of rows and columns, and vectors stay whole. */
const CUT = 64;

/**
 * Cuts a box until no part has more than so many elements: along rows if there are enough of them, else along columns, else between
 * batches. In order along every axis.
 *
 * @param box of batch, batch, rows, columns and depth; the depth is never cut
 */
export function cutWork(box: Box, most: number): Box[] {
  const size = box.lengths.reduce((product, length) => product * length, 1);
  if (size <= most) return [box];
  const length = (axis: number): number => box.lengths[axis] ?? 1;
  const axis = [2, 3].find((each) => length(each) >= 2 * CUT) ?? [0, 1, 2, 3].find((each) => length(each) > 1);
  if (axis === undefined) return [box];
  const unit = length(axis) >= 2 * CUT && axis >= 2 ? CUT : 1;
  // Equal parts, if they may be: equal products share their kernels.
  const even = Math.ceil(length(axis) / Math.ceil(size / most) / unit) * unit;
  const fits = (size / length(axis)) * even <= most;
  const step = Math.max(unit, fits ? even : even - unit);
  const cut: Box[] = [];
  for (let first = 0; first < length(axis); first += step) {
    const count = Math.min(step, length(axis) - first);
    const part = {
      first: box.first.map((index, i) => (i === axis ? index + first : index)),
      lengths: box.lengths.map((old, i) => (i === axis ? count : old)),
    };
    cut.push(...cutWork(part, most));
  }
  return cut;
}

function longestAxis({ strides }: BoxOperand, { lengths }: Box): number {
  const reach = (axis: number): number => ((lengths[axis] ?? 1) > 1 ? (strides[axis] ?? 0) : -1);
  return lengths.reduce((best, _, axis) => (reach(axis) > reach(best) ? axis : best), 0);
}

/** Strides or lengths of [b0, b1, rows, columns]; missing batch axes get `filler`. */
export function fourAxes(list: readonly number[], filler: number): [number, number, number, number] {
  const [d = filler, c = filler, b = filler, a = filler] = list.toReversed();
  return [a, b, c, d];
}
