import type { Activation, Node } from '../../../graph/operation.ts';
import { shaderOf } from '../shader.ts';
import type { Lowering } from './lowering.ts';
import type { Value } from '../../../graph/value.ts';

export const ACTIVATIONS: Readonly<Record<Activation, number>> = { none: 0, gelu: 1, gelu_tanh: 2, relu: 3 };

/** Zeros in a whole tensor. */
export function fillZeros(lowering: Lowering, node: Node, target: Value): void {
  overElements(lowering, node, 'fill', [], { factor: 0, output: target });
}

/** What an element-by-element kernel takes besides its tensors. */
interface ElementwiseOptions {
  readonly factor?: number;
  /** A tensor [1] in place of the second operand. */
  readonly scalar?: Value;
  readonly activation?: Activation;
  readonly output?: Value;
}

/** A kernel of elementwise.wgsl over tensors of one layout, whole vectors of four at a time. */
export function overElements(
  lowering: Lowering,
  node: Node,
  entry: string,
  inputs: readonly Value[],
  { factor, scalar, activation = 'none', output = node.output }: ElementwiseOptions = {},
): void {
  const group = lowering.traits.software ? 32 : 64;
  const constants = { GROUP: group, ACTIVATION: ACTIVATIONS[activation] };
  const shader = shaderOf(['item4', 'activation', 'elementwise'], entry, constants, false);
  const { memory } = lowering;
  const operands = [...inputs, output].map((value) => ({ value, width: 1 }));
  for (const range of memory.rowRanges(output.storage.size, operands)) {
    const items = Math.ceil(range.count / 4);
    const names = ['a', 'b', 'c'] as const;
    lowering.emit(
      node,
      shader,
      { count: items, ...(factor === undefined ? {} : { factor }) },
      {
        ...Object.fromEntries(inputs.map((value, index) => [names[index] ?? '', memory.rows(value, 1, range)])),
        ...(scalar === undefined ? {} : { scalar: memory.whole(scalar) }),
        output: memory.rows(output, 1, range),
      },
      lowering.plane(Math.ceil(items / group)),
    );
  }
}
