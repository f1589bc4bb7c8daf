import type { Node } from '../../../graph/operation.ts';
import type { SlabPlacement } from '../slabs.ts';
import { EngineError } from '../../engineError.ts';
import type { Dispatch } from '../dispatch.ts';
import { hashOf } from '../hashOf.ts';
import { Lowering, type DeviceTraits } from '../lower/lowering.ts';
import { lowerNode } from '../lower/lowerNode.ts';
import type { MatmulTile } from '../matmul/form.ts';
import type { MatmulProblem } from '../matmul/candidates.ts';
import { ProgramMemory } from '../programMemory.ts';
import { tileName } from './tileMemory.ts';

export type Candidates = (problem: MatmulProblem, traits: DeviceTraits) => readonly MatmulTile[];

/** A kernel that a product may be computed by, as the dispatches that the program would hold. */
export interface Variant {
  readonly tile: MatmulTile;
  readonly name: string;
  /** Hash of its name and text. */
  readonly code: string;
  readonly dispatches: readonly Dispatch[];
}

/** A product of a plan, with the kernels that may compute it. */
export interface Product {
  readonly problem: MatmulProblem;
  /** Of all nodes that compute it. */
  readonly flops: number;
  readonly variants: readonly Variant[];
  /** Shape, layout and a hash of the kernels themselves: a kernel that was changed is another. */
  readonly key: string;
}

/** Shape and layout in words; equal problems have equal names. */
export function problemName({ m, n, k, batch, form }: MatmulProblem): string {
  const parts = Object.entries(form)
    .filter(([, value]) => value !== false && value !== 'none')
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => (value === true ? name : `${name} ${value}`));
  return `${batch} x (${m} x ${k} x ${n}), ${parts.join(', ')}`;
}

/** @throws EngineError where there is no kernel */
export function needTile(problem: MatmulProblem, tile: MatmulTile | undefined): MatmulTile {
  if (tile === undefined)
    throw new EngineError(`webgpu: no matmul kernel fits this adapter at ${problemName(problem)}. Use the CPU engine.`);
  return tile;
}

/** The different products of a plan, those that take the largest share of its work first. */
export function productsOf(
  nodes: readonly Node[],
  placement: SlabPlacement,
  traits: DeviceTraits,
  candidates: Candidates,
): readonly Product[] {
  const found = new Map<string, { readonly problem: MatmulProblem; readonly node: Node; flops: number }>();
  for (const node of nodes)
    for (const { problem, dispatches } of lowered(node, placement, traits, (problem) => candidates(problem, traits)[0])) {
      const name = problemName(problem);
      const flops = dispatches.reduce((sum, dispatch) => sum + dispatch.flops, 0);
      const known = found.get(name);
      if (known === undefined) found.set(name, { problem, node, flops });
      else known.flops += flops;
    }
  return [...found]
    .map(([name, { problem, node, flops }]): Product => {
      const variants = candidates(problem, traits).flatMap((tile): Variant[] => {
        const part = lowered(node, placement, traits, (other) => (problemName(other) === name ? tile : candidates(other, traits)[0]));
        const dispatches = part.find((each) => problemName(each.problem) === name)?.dispatches;
        if (dispatches === undefined) return [];
        const tileText = tileName(tile);
        return [{ tile, name: tileText, code: hashOf([tileText, ...dispatches.map(({ shader }) => shader.code)]), dispatches }];
      });
      return { problem, flops, variants, key: `${name} #${hashOf(variants.map(({ code }) => code))}` };
    })
    .toSorted((a, b) => b.flops - a.flops);
}

/** The products of a node and what each becomes. */
function lowered(
  node: Node,
  placement: SlabPlacement,
  traits: DeviceTraits,
  choose: (problem: MatmulProblem) => MatmulTile | undefined,
): { readonly problem: MatmulProblem; readonly dispatches: readonly Dispatch[] }[] {
  if (node.operation.kind !== 'matmul') return [];
  const starts: { readonly problem: MatmulProblem; readonly first: number }[] = [];
  const lowering: Lowering = new Lowering(new ProgramMemory(placement, traits.bindingBytes), traits, (problem) => {
    starts.push({ problem, first: lowering.dispatches.length });
    return needTile(problem, choose(problem));
  });
  lowerNode(lowering, node);
  return starts.map(({ problem, first }, index) => ({
    problem,
    dispatches: lowering.dispatches.slice(first, starts[index + 1]?.first),
  }));
}
