import { expect, test } from 'vitest';
import { prepareStep } from '../../bench/speed/contenders/own.ts';
import { BATCH } from '../../bench/speed/problems.ts';
import type { Dispatch } from '../../src/engines/webgpu/dispatch.ts';
import { Lowering, type DeviceTraits } from '../../src/engines/webgpu/lower/lowering.ts';
import { lowerNode } from '../../src/engines/webgpu/lower/lowerNode.ts';
import { candidateTiles } from '../../src/engines/webgpu/matmul/candidates.ts';
import { ProgramMemory } from '../../src/engines/webgpu/programMemory.ts';
import { needTile } from '../../src/engines/webgpu/tuning/products.ts';
import { DISPATCH_FLOPS } from '../../src/engines/webgpu/webgpuEngine.ts';
import { plan } from '../../src/graph/plan.ts';
import { placeInSlabs } from '../../src/engines/webgpu/slabs.ts';

/** The optimiser's dispatches of a training step, on a device that binds so much at once; without a device. */
function dispatches(bindingBytes: number): readonly Dispatch[] {
  const traits: DeviceTraits = {
    subgroupSize: 4,
    quads: true,
    software: true,
    invocations: 256,
    workgroupBytes: 16_384,
    groupsAnAxis: 65_535,
    bindingBytes,
    dispatchFlops: DISPATCH_FLOPS,
  };
  const planned = plan(prepareStep(BATCH).graph, { alignment: 256, inPlace: false });
  const memory = new ProgramMemory(placeInSlabs(planned, { slabBytes: bindingBytes, alignment: 256 }), bindingBytes);
  const lowering = new Lowering(memory, traits, (problem) => needTile(problem, candidateTiles(problem, traits)[0]));
  for (const node of planned.nodes) if (node.operation.kind === 'adamw') lowerNode(lowering, node);
  return lowering.dispatches;
}

test('AdamW is one dispatch where states lie in one slab, though their gradients lie in several', () => {
  const [only, ...others] = dispatches(2 ** 27);
  expect(others).toEqual([]);
  const slabs = [...(only?.bindings ?? [])].filter(([, { place }]) => place.kind === 'slab');
  expect(slabs.length).toBeGreaterThan(2);
});

test('AdamW binds no more buffers than every adapter allows, however many slabs there are', () => {
  const all = dispatches(2 ** 21);
  expect(all.length).toBeGreaterThan(1);
  for (const { bindings } of all) expect(bindings.size).toBeLessThanOrEqual(8);
});
