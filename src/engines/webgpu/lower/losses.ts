import type { Node } from '../../../graph/operation.ts';
import type { Value } from '../../../graph/value.ts';
import { inputOf, rowsOf, type Lowering } from './lowering.ts';

/** What a loss kernel reads besides the logits. */
interface LossOperands {
  readonly labels: Value;
  readonly slopes?: Value;
  readonly teacher?: Value;
}

/** A kernel of loss.wgsl, named as its operation; the logits are input 0. */
export function overLossRows(lowering: Lowering, node: Node, { labels, slopes, teacher }: LossOperands, temperature = 1): void {
  const logits = inputOf(node, 0);
  const { rows, width } = rowsOf(logits);
  const outputWidth = node.output.storage.size / rows;
  lowering.overRows(node, {
    file: 'loss',
    rows,
    width,
    byRow: {
      logits: { value: logits, width },
      labels: { value: labels, width: 1 },
      ...(slopes === undefined ? {} : { slopes: { value: slopes, width: 1 } }),
      ...(teacher === undefined ? {} : { teacher: { value: teacher, width } }),
      [slopes === undefined ? 'losses' : 'output']: { value: node.output, width: outputWidth },
    },
    sizes: () => ({ temperature }),
  });
}
