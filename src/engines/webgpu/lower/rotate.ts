import type { Node } from '../../../graph/operation.ts';
import { inputOf, itemOf, rowsOf, type Lowering } from './lowering.ts';

/** One invocation an item of a head's first half, which it turns with its partner in the second. */
export function rotate(lowering: Lowering, node: Node, inverse: boolean): void {
  const { memory } = lowering;
  const [x, table, positions] = [inputOf(node, 0), inputOf(node, 1), inputOf(node, 2)];
  const { rows, width } = rowsOf(x);
  const half = (table.shape[1] ?? 2) / 2;
  const item = itemOf(half);
  const { shader, group } = lowering.lanes('rotate', 'rotate', item);
  for (const range of memory.rowRanges(rows, [
    { value: x, width },
    { value: node.output, width },
    { value: positions, width: 1 },
  ]))
    lowering.emit(
      node,
      shader,
      { pairs: (range.count * width) / 2 / item, width: width / 2 / item, half: half / item, turn: inverse ? -1 : 1 },
      {
        x: memory.rows(x, width, range),
        table: memory.whole(table),
        positions: memory.rows(positions, 1, range),
        output: memory.rows(node.output, width, range),
      },
      lowering.plane(Math.ceil((range.count * width) / 2 / item / group)),
    );
}
