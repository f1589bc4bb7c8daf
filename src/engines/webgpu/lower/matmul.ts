import type { Node } from '../../../graph/operation.ts';
import { EngineError } from '../../engineError.ts';
import { cutBox, cutWork, fourAxes, startOf, type Box, type BoxOperand } from '../boxes.ts';
import type { BoundRange } from '../dispatch.ts';
import type { Load, MatmulForm } from '../matmul/form.ts';
import { matmulShader } from '../matmul/matmulShader.ts';
import { ACTIVATIONS } from './elementwise.ts';
import { splits } from '../matmul/candidates.ts';
import { inputOf, type Lowering } from './lowering.ts';
import { sumBlocks } from './rows.ts';

/** Axes of a product's box. */
const N = 3;
const K = 4;

interface Operands {
  readonly a: BoxOperand;
  readonly b: BoxOperand;
  readonly c: BoxOperand;
  readonly addend: BoxOperand | undefined;
}

/** A product, in as many parts as the pieces of its tensors and the work of one dispatch ask for: one if nothing is large. */
export function lowerMatmul(lowering: Lowering, node: Node): void {
  const { operation, output } = node;
  if (operation.kind !== 'matmul') return;
  const [a, b] = [inputOf(node, 0), inputOf(node, 1)];
  const [a0, a1, aRow, aColumn] = fourAxes(a.strides, 0);
  const [b0, b1, bRow, bColumn] = fourAxes(b.strides, 0);
  const [c0, c1, cRow] = fourAxes(output.strides, 0);
  const c = { value: output, strides: [c0, c1, cRow, 1, 0] };
  const operands: Operands = {
    a: { value: a, strides: [a0, a1, aRow, 0, aColumn] },
    b: { value: b, strides: [b0, b1, 0, bColumn, bRow] },
    c,
    addend: operation.addend ? { ...c, value: inputOf(node, -1) } : undefined,
  };
  const whole: Box = { first: [0, 0, 0, 0, 0], lengths: [...fourAxes(output.shape, 1), a.shape.at(-1) ?? 1] };
  const all = [operands.a, operands.b, c, ...(operands.addend === undefined ? [] : [operands.addend])];
  const boxes = cutBox(lowering.memory, whole, all).flatMap((box) => cutWork(box, lowering.traits.dispatchFlops / 2));
  if (operation.activation !== 'none' && boxes.some(({ first }) => (first[K] ?? 0) > 0))
    throw new EngineError(
      `webgpu: ${a.storage.label} is too large for this adapter: its product with an activation cannot be cut along k.`,
    );
  for (const box of boxes) {
    lowering.memory.reuseScratch();
    emitPart(lowering, node, operands, box);
  }
}

function emitPart(lowering: Lowering, node: Node, operands: Operands, box: Box): void {
  const { operation } = node;
  if (operation.kind !== 'matmul') return;
  const { memory, traits } = lowering;
  const [n0 = 1, n1 = 1, m = 1, n = 1, k = 1] = box.lengths;
  // Parts along k add up in C; what is added once is added with the first.
  const accumulate = (box.first[K] ?? 0) > 0;
  const a = bind(lowering, operands.a, box);
  const b = bind(lowering, operands.b, box);
  const c = bind(lowering, operands.c, box);
  const addend = operands.addend === undefined || accumulate ? undefined : bind(lowering, operands.addend, box);
  const bias = operation.bias && !accumulate ? inputOf(node, 2) : undefined;
  const [a0 = 0, a1 = 0, aRow = 0, , aColumn = 0] = operands.a.strides;
  const [b0 = 0, b1 = 0, , bColumn = 0, bRow = 0] = operands.b.strides;
  const [c0 = 0, c1 = 0, cRow = 0] = operands.c.strides;
  const form: MatmulForm = {
    a: loadOf([a.start, a0, a1], { stride: aRow, length: m }, { stride: aColumn, length: k }),
    b: loadOf([b.start, b0, b1], { stride: bColumn, length: n }, { stride: bRow, length: k }),
    halfA: memory.isHalf(operands.a.value),
    halfB: memory.isHalf(operands.b.value),
    vectorC: [c.start, addend?.start ?? 0, c0, c1, cRow, n].every((x) => x % 4 === 0),
    stride: k % 8 === 0 ? 8 : k % 4 === 0 ? 4 : 1,
    bias: bias !== undefined,
    addend: addend !== undefined,
    accumulate,
    activation: operation.activation,
  };
  const problem = { m, n, k, batch: n0 * n1, form };
  const tile = lowering.chooseTile(problem);
  // The parts' sums lie row by row, as those of C must.
  const dense = c.start === 0 && cRow === n && m * n === operands.c.value.storage.size;
  const wanted = tile.split ?? 1;
  const parts = dense && splits(problem, wanted) && wanted * m * n * 4 <= traits.bindingBytes ? wanted : 1;
  // The parts of a product along k are its inner batches, each with a plane of sums of its own.
  const [outer, inner] = parts > 1 ? [1, parts] : [n0, n1];
  const groups: [number, number, number] = [
    Math.ceil(n / (tile.threadsX * tile.columns)),
    Math.ceil(m / (tile.threadsY * tile.rows)),
    outer * inner,
  ];
  if (groups.some((count) => count > traits.groupsAnAxis))
    throw new EngineError(`webgpu: ${n0 * n1} products of [${m}, ${k}] and [${k}, ${n}] are too many for one dispatch.`);
  const part = k / parts;
  const sums = parts > 1 ? memory.scratchArea(parts * m * n * 4) : c.range;
  const [cStart, cBatch0, cBatch1] = parts > 1 ? [0, 0, m * n] : [c.start, c0, c1];
  lowering.emit(
    node,
    matmulShader(tile, parts > 1 ? { ...form, vectorC: n % 4 === 0 } : form, ACTIVATIONS[form.activation]),
    {
      m,
      n,
      k: part,
      innerBatches: inner,
      aStart: a.start,
      aBatch0: a0,
      aBatch1: parts > 1 ? part * aColumn : a1,
      aRow,
      aColumn,
      bStart: b.start,
      bBatch0: b0,
      bBatch1: parts > 1 ? part * bRow : b1,
      bRow,
      bColumn,
      cStart,
      cBatch0,
      cBatch1,
      cRow: parts > 1 ? n : cRow,
      addendStart: addend?.start ?? 0,
      biasStart: box.first[N] ?? 0,
      alpha: operation.alpha,
    },
    {
      a: a.range,
      b: b.range,
      c: sums,
      ...(bias === undefined ? {} : { bias: memory.whole(bias) }),
      ...(addend === undefined ? {} : { addend: addend.range }),
    },
    groups,
    2 * n0 * n1 * m * n * k,
  );
  if (parts > 1) sumBlocks(lowering, node, [{ source: sums, rows: parts }], m * n, c.range);
}

function bind({ memory }: Lowering, operand: BoxOperand, box: Box): { range: BoundRange; start: number } {
  const start = startOf(operand, box);
  const piece = memory.pieceAt(operand.value, start);
  return { range: memory.wholePiece(operand.value, piece), start: start - piece.first };
}

interface AxisLayout {
  readonly stride: number;
  readonly length: number;
}

/** Vectors of four along k or along the side, where every one of them is whole. */
function loadOf(others: readonly number[], side: AxisLayout, depth: AxisLayout): Load {
  const whole = (...numbers: readonly number[]): boolean => [...others, ...numbers].every((x) => x % 4 === 0);
  if (depth.stride === 1 && whole(side.stride, depth.length)) return 'depth';
  if (side.stride === 1 && whole(depth.stride, side.length)) return 'side';
  return 'single';
}
