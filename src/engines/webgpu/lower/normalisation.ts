import type { Node } from '../../../graph/operation.ts';
import type { Value } from '../../../graph/value.ts';
import { float, type BoundRange } from '../dispatch.ts';
import { inputOf, itemOf, rowsOf, type Lowering } from './lowering.ts';
import { blockOf, sumBlocks } from './rows.ts';

const STATISTICS = 2;
const PARTIALS = 0;
const SUMS = 1;

function statisticsKey(x: Value, epsilon: number): string {
  return `layerNorm ${x.storage.id} ${epsilon}`;
}

export function layerNorm(lowering: Lowering, node: Node, epsilon: number): void {
  const { memory } = lowering;
  const [x, gain, shift] = [inputOf(node, 0), inputOf(node, 1), inputOf(node, 2)];
  const { rows, width } = rowsOf(x);
  const item = itemOf(width);
  const shader = lowering.team('layerNorm', 'layerNorm', width, item);
  // 64 rows of statistics are 512 bytes, so that a range of rows starts at a binding's alignment.
  const statistics = memory.keptArea(rows * 8);
  lowering.kept.set(statisticsKey(x, epsilon), statistics);
  for (const range of memory.rowRanges(rows, [
    { value: x, width },
    { value: node.output, width },
  ]))
    lowering.emit(
      node,
      shader,
      [range.count, width / item, float(epsilon), 0],
      [
        [1, memory.rows(x, width, range)],
        [2, memory.whole(gain)],
        [3, memory.whole(shift)],
        [4, part(statistics, range.first * 8, range.count * 8)],
        [5, memory.rows(node.output, width, range)],
      ],
      lowering.plane(range.count),
    );
}

/** Means and inverse deviations of x: the forward operation's where it ran, else made here. */
function statisticsOf(lowering: Lowering, node: Node, x: Value, epsilon: number): BoundRange {
  const known = lowering.kept.get(statisticsKey(x, epsilon));
  if (known !== undefined) return known;
  const { memory } = lowering;
  const { rows, width } = rowsOf(x);
  const item = itemOf(width);
  const statistics = memory.scratchArea(STATISTICS, rows * 8);
  for (const range of memory.rowRanges(rows, [{ value: x, width }]))
    lowering.emit(
      node,
      lowering.team('layerNorm', 'rowStatistics', width, item),
      [range.count, width / item, float(epsilon), 0],
      [
        [1, memory.rows(x, width, range)],
        [4, part(statistics, range.first * 8, range.count * 8)],
      ],
      lowering.plane(range.count),
    );
  return statistics;
}

export function layerNormGradInput(lowering: Lowering, node: Node, epsilon: number): void {
  const { memory } = lowering;
  const [x, gain, dy] = [inputOf(node, 0), inputOf(node, 1), inputOf(node, 2)];
  const { rows, width } = rowsOf(x);
  const item = itemOf(width);
  const statistics = statisticsOf(lowering, node, x, epsilon);
  for (const range of memory.rowRanges(rows, [
    { value: x, width },
    { value: dy, width },
    { value: node.output, width },
  ]))
    lowering.emit(
      node,
      lowering.team('layerNorm', 'layerNormGradInput', width, item),
      [range.count, width / item, float(epsilon), 0],
      [
        [1, memory.rows(x, width, range)],
        [2, memory.whole(gain)],
        [3, memory.rows(dy, width, range)],
        [4, part(statistics, range.first * 8, range.count * 8)],
        [5, memory.rows(node.output, width, range)],
      ],
      lowering.plane(range.count),
    );
}

export function layerNormGradGain(lowering: Lowering, node: Node, epsilon: number): void {
  const { memory } = lowering;
  const [x, dy] = [inputOf(node, 0), inputOf(node, 1)];
  const { rows, width } = rowsOf(x);
  const item = itemOf(width);
  const statistics = statisticsOf(lowering, node, x, epsilon);
  const { shader, group } = lowering.lanes('layerNorm', 'layerNormGradGain', item);
  const ranges = memory.rowRanges(rows, [
    { value: x, width },
    { value: dy, width },
  ]);
  const block = blockOf(lowering, rows, width);
  const counts = ranges.map(({ count }) => Math.ceil(count / block));
  const blocks = counts.reduce((sum, count) => sum + count, 0);
  const output = memory.whole(node.output);
  const partials = blocks === 1 ? output : memory.scratchArea(PARTIALS, blocks * width * 4);
  let firstBlock = 0;
  ranges.forEach((range, index) => {
    const count = counts[index] ?? 1;
    lowering.emit(
      node,
      shader,
      [range.count, width / item, float(epsilon), block, firstBlock],
      [
        [1, memory.rows(x, width, range)],
        [3, memory.rows(dy, width, range)],
        [4, part(statistics, range.first * 8, range.count * 8)],
        [5, partials],
      ],
      [Math.ceil(width / item / group), count, 1],
    );
    firstBlock += count;
  });
  if (blocks > 1) sumBlocks(lowering, node, [{ source: partials, rows: blocks }], width, output, SUMS);
}

export function softmax(lowering: Lowering, node: Node, alpha: number): void {
  const { memory } = lowering;
  const [scores, mask] = [inputOf(node, 0), inputOf(node, 1)];
  const { rows, width } = rowsOf(scores);
  const item = itemOf(width);
  const rowsASequence = (scores.shape[1] ?? 1) * (scores.shape[2] ?? 1);
  for (const range of memory.rowRanges(rows, [
    { value: scores, width },
    { value: node.output, width },
  ]))
    lowering.emit(
      node,
      lowering.team('softmax', 'softmax', width, item),
      [range.count, width / item, range.first, rowsASequence, float(alpha)],
      [
        [1, memory.rows(scores, width, range)],
        [2, memory.whole(mask)],
        [3, memory.rows(node.output, width, range)],
      ],
      lowering.plane(range.count),
    );
}

export function softmaxGrad(lowering: Lowering, node: Node, alpha: number): void {
  const { memory } = lowering;
  const [p, dp] = [inputOf(node, 0), inputOf(node, 1)];
  const { rows, width } = rowsOf(p);
  const item = itemOf(width);
  for (const range of memory.rowRanges(rows, [
    { value: p, width },
    { value: dp, width },
    { value: node.output, width },
  ]))
    lowering.emit(
      node,
      lowering.team('softmax', 'softmaxGrad', width, item),
      [range.count, width / item, 0, 1, float(alpha)],
      [
        [1, memory.rows(p, width, range)],
        [2, memory.rows(dp, width, range)],
        [3, memory.rows(node.output, width, range)],
      ],
      lowering.plane(range.count),
    );
}

/** Bytes of a range, from its start. */
function part(range: BoundRange, offset: number, size: number): BoundRange {
  return { ...range, offset: range.offset + offset, size: Math.ceil(size / 16) * 16 };
}
