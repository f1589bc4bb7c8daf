import { sizeInWords } from '../tensor/bytes.ts';
import { formatShape } from '../tensor/shape.ts';
import type { Plan } from './plan.ts';

/** A line a node: operation, shapes in and out, offset, bytes, megaflops. Views are left out. */
export function printGraph(plan: Plan): string {
  const lines = plan.nodes
    .filter((node) => node.operation.kind !== 'reshape' && node.operation.kind !== 'permute')
    .map((node) => {
      const { storage, shape } = node.output;
      const inputs = node.inputs.map((input) => `${input.storage.label}#${input.storage.id}${formatShape(input.shape)}`).join(' ');
      const bytes = (storage.size * 4).toLocaleString('en');
      return `${node.operation.kind}#${storage.id} ${formatShape(shape)} <- ${inputs} | at ${plan.offsets.get(storage.id) ?? 0}, ${bytes} B, ${(node.flops / 1e6).toFixed(3)} MFLOP`;
    });
  return [...lines, `${lines.length} operations, ${sizeInWords(plan.arenaBytes)}, ${(plan.flops / 1e9).toFixed(3)} GFLOP`].join('\n');
}
