import type { Activation, Node } from '../../../graph/operation.ts';
import { float, type BoundRange, type Word } from '../dispatch.ts';
import { shaderOf } from '../shader.ts';
import type { Lowering } from './lowering.ts';
import type { Value } from '../../../graph/value.ts';

export const ACTIVATIONS: Readonly<Record<Activation, number>> = { none: 0, gelu: 1, gelu_tanh: 2, relu: 3 };

/** Zeros in a whole tensor. */
export function fillZeros(lowering: Lowering, node: Node, target: Value): void {
  overElements(lowering, node, 'fill', [], { words: [float(0)], output: target });
}

/** What an element-by-element kernel takes besides its tensors. */
interface ElementwiseOptions {
  readonly words?: readonly Word[];
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
  { words = [], scalar, activation = 'none', output = node.output }: ElementwiseOptions = {},
): void {
  const group = lowering.traits.software ? 32 : 64;
  const constants = { GROUP: group, ACTIVATION: ACTIVATIONS[activation] };
  const shader = shaderOf(['item4', 'activation', 'elementwise'], entry, constants, false);
  const { memory } = lowering;
  const operands = [...inputs, output].map((value) => ({ value, width: 1 }));
  for (const range of memory.rowRanges(output.storage.size, operands)) {
    const items = Math.ceil(range.count / 4);
    const bindings: (readonly [number, BoundRange])[] = inputs.map((value, index) => [index + 1, memory.rows(value, 1, range)] as const);
    if (scalar !== undefined) bindings.push([2, memory.whole(scalar)]);
    bindings.push([3, memory.rows(output, 1, range)]);
    lowering.emit(node, shader, [items, ...words], bindings, lowering.plane(Math.ceil(items / group)));
  }
}
