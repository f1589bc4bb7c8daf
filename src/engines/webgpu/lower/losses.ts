import type { Node } from '../../../graph/operation.ts';
import type { Value } from '../../../graph/value.ts';
import { float, type BoundRange } from '../dispatch.ts';
import type { RowRange } from '../programMemory.ts';
import { inputOf, itemOf, rowsOf, type Lowering } from './lowering.ts';

/** What a loss kernel reads besides the logits. */
interface LossOperands {
  readonly labels: Value;
  readonly slopes?: Value;
  readonly teacher?: Value;
}

/** A kernel of loss.wgsl, named as its operation; the logits are input 0. */
export function overLossRows(lowering: Lowering, node: Node, operands: LossOperands, temperature = 1): void {
  const { memory } = lowering;
  const logits = inputOf(node, 0);
  const { labels, slopes, teacher } = operands;
  const { rows, width } = rowsOf(logits);
  const item = itemOf(width);
  const outputWidth = node.output.storage.size / rows;
  const tables = [logits, ...(teacher === undefined ? [] : [teacher])].map((value) => ({ value, width }));
  const bindings = (range: RowRange): (readonly [number, BoundRange])[] => [
    [1, memory.rows(logits, width, range)],
    [2, memory.rows(labels, 1, range)],
    ...(slopes === undefined ? [] : [[3, memory.rows(slopes, 1, range)] as const]),
    ...(teacher === undefined ? [] : [[4, memory.rows(teacher, width, range)] as const]),
    [5, memory.rows(node.output, outputWidth, range)],
  ];
  for (const range of memory.rowRanges(rows, [...tables, { value: node.output, width: outputWidth }]))
    lowering.emit(
      node,
      lowering.team('loss', node.operation.kind, width, item),
      [range.count, width / item, float(temperature)],
      bindings(range),
      lowering.plane(range.count),
    );
}
