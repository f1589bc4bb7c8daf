import type { Plan } from '../../graph/plan.ts';
import type { Node } from '../../graph/operation.ts';

/** Below this many elements there is nothing to save: a slab's places are multiples of 256 bytes. */
const FEWEST_ELEMENTS = 1024;

/**
 * Frozen states of a plan that may be stored in half precision, by storage id: those that only kernels read which widen them as
 * they load, and that no node writes.
 */
export function halvesOf(plan: Plan): ReadonlySet<number> {
  const excluded = new Set([...plan.outputs.values(), ...plan.nodes.flatMap(otherOperands)].map(({ storage }) => storage.id));
  const frozen = [...plan.states.values()].filter(({ storage }) => storage.frozen === true && storage.size >= FEWEST_ELEMENTS);
  return new Set(frozen.map(({ storage }) => storage.id).filter((id) => !excluded.has(id)));
}

/** What a node writes, or reads by a kernel that takes float32 alone. */
function otherOperands({ operation: { kind }, inputs, writes }: Node): Node['inputs'] {
  // Views, which no kernel makes.
  if (kind === 'reshape' || kind === 'permute') return writes;
  const widened = kind === 'matmul' ? 2 : kind === 'gatherRows' ? 1 : 0;
  return [...inputs.slice(widened), ...writes];
}
