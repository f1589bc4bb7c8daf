import type { Node } from '../../../graph/operation.ts';
import type { BoundRange } from '../dispatch.ts';
import { fillZeros } from './elementwise.ts';
import { inputOf, itemOf, rowsOf, type Lowering } from './lowering.ts';

/** Rows of a block whose sum is one partial result. */
const ROWS_A_BLOCK = 64;
/** Rows among which those with one id are looked for; each such block is added to the table by a dispatch of its own. */
const ROWS_A_SEARCH = 2048;
/** Tables of at most this many rows are summed block by block instead of row by row. */
const FEW_ROWS = 8;

export function gatherRows(lowering: Lowering, node: Node): void {
  const { memory } = lowering;
  const [table, ids] = [inputOf(node, 0), inputOf(node, 1)];
  const { rows, width } = rowsOf(node.output);
  const item = itemOf(width);
  const { shader, group } = lowering.lanes('rows', 'gatherRows', item, memory.isHalf(table));
  for (const range of memory.rowRanges(rows, [
    { value: node.output, width },
    { value: ids, width: 1 },
  ]))
    for (const part of memory.rowRanges(table.shape[0] ?? 1, [{ value: table, width }]))
      lowering.emit(
        node,
        shader,
        { rows: range.count, width: width / item, firstRow: part.first, height: part.count },
        {
          rowsOfTable: memory.rows(table, width, part),
          ids: memory.rows(ids, 1, range),
          output: memory.rows(node.output, width, range),
        },
        lowering.plane(Math.ceil((range.count * width) / item / group)),
      );
}

export function scatterRows(lowering: Lowering, node: Node): void {
  const { memory } = lowering;
  const [dy, ids] = [inputOf(node, 0), inputOf(node, 1)];
  const { rows, width } = rowsOf(dy);
  const height = node.output.shape[0] ?? 1;
  const item = itemOf(width);
  if (height <= FEW_ROWS && memory.rowRanges(rows, [{ value: dy, width }]).length === 1) {
    const { shader, group } = lowering.lanes('rows', 'scatterFew', item);
    const block = blockOf(lowering, rows, height * width);
    const blocks = Math.ceil(rows / block);
    const partials = memory.scratchArea(blocks * height * width * 4);
    lowering.emit(
      node,
      shader,
      { rows, width: width / item, height, rowsABlock: block },
      { x: memory.whole(dy), ids: memory.whole(ids), output: partials },
      [Math.ceil(width / item / group), blocks, 1],
    );
    sumBlocks(lowering, node, [{ source: partials, rows: blocks }], height * width, memory.whole(node.output));
    return;
  }
  const links = memory.scratchArea(rows * 8);
  const linking = lowering.lanes('rows', 'linkRows', 1);
  const plane = lowering.plane(Math.ceil(rows / linking.group));
  lowering.emit(node, linking.shader, { rows, rowsABlock: ROWS_A_SEARCH }, { ids: memory.whole(ids), links }, plane);
  const nearSums = memory.scratchArea(rows * width * 4);
  const sumNear = lowering.team('rows', 'sumNear', width, item);
  const near = { x: memory.whole(dy), chain: links, output: nearSums };
  lowering.emit(node, sumNear, { rows, width: width / item }, near, lowering.plane(rows));
  fillZeros(lowering, node, node.output);
  const adding = lowering.team('rows', 'scatterRows', width, item);
  for (const part of memory.rowRanges(height, [{ value: node.output, width }]))
    for (let start = 0; start < rows; start += ROWS_A_SEARCH)
      lowering.emit(
        node,
        adding,
        { rows, width: width / item, firstRow: part.first, height: part.count, rowsABlock: ROWS_A_SEARCH, start },
        { x: memory.whole(dy), ids: memory.whole(ids), chain: links, nearSums, output: memory.rows(node.output, width, part) },
        lowering.plane(Math.min(ROWS_A_SEARCH, rows - start)),
      );
}

export function reduceRows(lowering: Lowering, node: Node): void {
  const { memory } = lowering;
  const x = inputOf(node, 0);
  const { rows, width } = rowsOf(x);
  const sources = memory
    .rowRanges(rows, [{ value: x, width }])
    .map((range) => ({ source: memory.rows(x, width, range), rows: range.count }));
  sumBlocks(lowering, node, sources, width, memory.whole(node.output));
}

/** Rows that lie in one binding. */
export interface RowSource {
  readonly source: BoundRange;
  readonly rows: number;
}

/** Sums rows [rows, width] into [width]: by blocks where there are many, so that enough invocations work. */
export function sumBlocks(lowering: Lowering, node: Node, sources: readonly RowSource[], width: number, output: BoundRange): void {
  const item = itemOf(width);
  const { shader, group } = lowering.lanes('rows', 'reduceRows', item);
  const columns = Math.ceil(width / item / group);
  const all = sources.reduce((sum, { rows }) => sum + rows, 0);
  const block = blockOf(lowering, all, width);
  const counts = sources.map(({ rows }) => Math.ceil(rows / block));
  const blocks = counts.reduce((sum, count) => sum + count, 0);
  const partials = blocks === 1 ? output : lowering.memory.scratchArea(blocks * width * 4);
  let firstBlock = 0;
  sources.forEach(({ source, rows }, index) => {
    const count = counts[index] ?? 1;
    const sizes = { rows, width: width / item, firstRow: firstBlock, rowsABlock: block };
    lowering.emit(node, shader, sizes, { x: source, output: partials }, [columns, count, 1]);
    firstBlock += count;
  });
  if (blocks > 1)
    lowering.emit(node, shader, { rows: blocks, width: width / item, firstRow: 0, rowsABlock: blocks }, { x: partials, output }, [
      columns,
      1,
      1,
    ]);
}

/** Rows that one invocation adds up: all where columns alone keep the device busy or rows are few. */
export function blockOf(lowering: Lowering, rows: number, width: number): number {
  if (rows <= 2 * ROWS_A_BLOCK || width >= (lowering.traits.software ? 2048 : 65536)) return rows;
  const most = Math.floor(lowering.traits.bindingBytes / 4 / width);
  return Math.max(ROWS_A_BLOCK, Math.ceil(Math.sqrt(rows)), Math.ceil(rows / Math.max(1, Math.min(most, lowering.traits.groupsAnAxis))));
}

export function argmaxRows(lowering: Lowering, node: Node): void {
  const x = inputOf(node, 0);
  const { rows, width } = rowsOf(x);
  lowering.overRows(node, {
    file: 'rows',
    rows,
    width,
    byRow: { x: { value: x, width }, largestPlaces: { value: node.output, width: 1 } },
  });
}
