import type { Node } from './operation.ts';
import type { Value } from './value.ts';

/**
 * Products whose only reader adds them to something, as one product with an addend: a residual costs no pass over memory
 * and no kernel of its own.
 *
 * @param nodes in running order   @param kept values that must exist after a run
 */
export function fuseAdditions(nodes: readonly Node[], kept: Iterable<Value>): Node[] {
  const readers = new Map<number, number>();
  const count = (value: Value): void => void readers.set(value.storage.id, (readers.get(value.storage.id) ?? 0) + 1);
  for (const node of nodes) node.inputs.forEach(count);
  for (const value of kept) count(value);

  const products = new Map<Value, { readonly node: Node; readonly index: number }>();
  const fused: (Node | undefined)[] = [];
  // What a product reads must be the same where it now runs.
  let lastWrite = -1;
  nodes.forEach((node, index) => {
    const { operation, inputs } = node;
    if (node.writes.length > 0) lastWrite = index;
    if (operation.kind === 'matmul' && !operation.addend && operation.activation === 'none') products.set(node.output, { node, index });
    fused.push(node);
    if (operation.kind !== 'add') return;
    const [product, addend] = [inputs, inputs.toReversed()].find(([x]) => {
      const found = x === undefined ? undefined : products.get(x);
      return x !== undefined && found !== undefined && found.index > lastWrite && readers.get(x.storage.id) === 1;
    }) ?? [undefined, undefined];
    const made = product === undefined ? undefined : products.get(product);
    if (made === undefined || addend === undefined) return;
    fused[made.index] = undefined;
    fused[index] = withAddend(made.node, node, addend);
  });
  return fused.filter((node) => node !== undefined);
}

function withAddend(product: Node, addition: Node, addend: Value): Node {
  if (product.operation.kind !== 'matmul') return addition;
  return {
    ...product,
    operation: { ...product.operation, addend: true },
    inputs: [...product.inputs, addend],
    output: addition.output,
    overwritable: [addend],
    // Differentiated before it is planned.
    gradient: null,
    reference: (inputs, output, writes) => {
      product.reference(inputs.slice(0, -1), output, writes);
      const more = inputs.at(-1);
      for (let i = 0; i < output.length; i++) output[i] = (output[i] ?? 0) + (more?.[i] ?? 0);
    },
  };
}
