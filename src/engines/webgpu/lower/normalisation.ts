import { ALL_KEYS, type Node } from '../../../graph/operation.ts';
import type { Value } from '../../../graph/value.ts';
import type { BoundRange } from '../dispatch.ts';
import type { RowRange } from '../programMemory.ts';
import { inputOf, itemOf, rowsOf, type Lowering } from './lowering.ts';
import { blockOf, sumBlocks } from './rows.ts';

function statisticsKey(x: Value, epsilon: number): string {
  return `layerNorm ${x.storage.id} ${epsilon}`;
}

export function layerNorm(lowering: Lowering, node: Node, epsilon: number): void {
  const [x, gain, shift] = [inputOf(node, 0), inputOf(node, 1), inputOf(node, 2)];
  const { rows, width } = rowsOf(x);
  const statistics = lowering.memory.keptArea(rows * STATISTICS_BYTES);
  lowering.kept.set(statisticsKey(x, epsilon), statistics);
  lowering.overRows(node, {
    file: 'layerNorm',
    rows,
    width,
    byRow: { x: { value: x, width }, output: { value: node.output, width } },
    whole: { gain, shift },
    sizes: () => ({ epsilon }),
    bindings: (range) => ({ written: statisticsPart(statistics, range) }),
  });
}

/** Means and inverse deviations of x: the forward operation's where it ran, else made here. */
function statisticsOf(lowering: Lowering, node: Node, x: Value, epsilon: number): BoundRange {
  const known = lowering.kept.get(statisticsKey(x, epsilon));
  if (known !== undefined) return known;
  const { rows, width } = rowsOf(x);
  const statistics = lowering.memory.scratchArea(rows * STATISTICS_BYTES);
  lowering.overRows(node, {
    file: 'layerNorm',
    entry: 'rowStatistics',
    rows,
    width,
    byRow: { x: { value: x, width } },
    sizes: () => ({ epsilon }),
    bindings: (range) => ({ written: statisticsPart(statistics, range) }),
  });
  return statistics;
}

export function layerNormGradInput(lowering: Lowering, node: Node, epsilon: number): void {
  const [x, gain, dy] = [inputOf(node, 0), inputOf(node, 1), inputOf(node, 2)];
  const { rows, width } = rowsOf(x);
  const statistics = statisticsOf(lowering, node, x, epsilon);
  lowering.overRows(node, {
    file: 'layerNorm',
    rows,
    width,
    byRow: { x: { value: x, width }, dy: { value: dy, width }, output: { value: node.output, width } },
    whole: { gain },
    bindings: (range) => ({ statistics: statisticsPart(statistics, range) }),
  });
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
  const partials = blocks === 1 ? output : memory.scratchArea(blocks * width * 4);
  let firstBlock = 0;
  ranges.forEach((range, index) => {
    const count = counts[index] ?? 1;
    lowering.emit(
      node,
      shader,
      { rows: range.count, width: width / item, rowsABlock: block, firstBlock },
      {
        x: memory.rows(x, width, range),
        dy: memory.rows(dy, width, range),
        statistics: statisticsPart(statistics, range),
        output: partials,
      },
      [Math.ceil(width / item / group), count, 1],
    );
    firstBlock += count;
  });
  if (blocks > 1) sumBlocks(lowering, node, [{ source: partials, rows: blocks }], width, output);
}

export function softmax(lowering: Lowering, node: Node, alpha: number): void {
  const [scores, ranges] = [inputOf(node, 0), inputOf(node, 1)];
  const { rows, width } = rowsOf(scores);
  lowering.overRows(node, {
    file: 'softmax',
    rows,
    width,
    byRow: { x: { value: scores, width }, output: { value: node.output, width } },
    whole: { ranges },
    sizes: ({ first }) => ({ firstRow: first, ...headsAndQueries(scores), alpha }),
  });
}

export function softmaxGrad(lowering: Lowering, node: Node, alpha: number): void {
  const [p, dp, ranges] = [inputOf(node, 0), inputOf(node, 1), inputOf(node, 2)];
  const { rows, width } = rowsOf(p);
  lowering.overRows(node, {
    file: 'softmax',
    rows,
    width,
    byRow: { x: { value: p, width }, dp: { value: dp, width }, output: { value: node.output, width } },
    whole: { ranges },
    sizes: ({ first }) => ({ firstRow: first, ...headsAndQueries(p), alpha }),
  });
}

export function narrowKeys(lowering: Lowering, node: Node, before: number | null, after: number | null): void {
  const { memory } = lowering;
  const [batch = 1, queries = 1] = node.output.shape;
  const { shader, group } = lowering.lanes('softmax', 'narrowKeys', 1);
  lowering.emit(
    node,
    shader,
    { rows: batch * queries, queries, before: before ?? ALL_KEYS, after: after ?? ALL_KEYS },
    { ranges: memory.whole(inputOf(node, 0)), narrowed: memory.whole(node.output) },
    lowering.plane(Math.ceil((batch * queries) / group)),
  );
}

/** Of [B, A, T, U]. */
function headsAndQueries({ shape: [, heads = 1, queries = 1] }: Value): { heads: number; queries: number } {
  return { heads, queries };
}

/** A mean and an inverse deviation. 64 rows of them are 512 bytes, so a range of rows starts at a binding's alignment. */
const STATISTICS_BYTES = 8;

/** The statistics of a range of rows. */
function statisticsPart(statistics: BoundRange, { first, count }: RowRange): BoundRange {
  return {
    ...statistics,
    offset: statistics.offset + first * STATISTICS_BYTES,
    size: Math.ceil((count * STATISTICS_BYTES) / 16) * 16,
  };
}
