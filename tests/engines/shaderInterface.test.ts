// Sizes and tensors reach a kernel by the names of its WGSL; a wrong name is an error before anything is bound. Scratch areas.
import { describe, expect, test } from 'vitest';
import { placeInSlabs } from '../../src/engines/webgpu/slabs.ts';
import { Graph } from '../../src/graph/graph.ts';
import { add } from '../../src/graph/ops/layout.ts';
import { plan } from '../../src/graph/plan.ts';
import type { BoundRange } from '../../src/engines/webgpu/dispatch.ts';
import { ProgramMemory } from '../../src/engines/webgpu/programMemory.ts';
import { shaderOf, type Shader } from '../../src/engines/webgpu/shader.ts';
import { numberBindings, packSizes } from '../../src/engines/webgpu/shaderInterface.ts';

const KERNEL: Shader = {
  name: 'toy',
  entry: 'toy',
  code: `
// sizes.comment is no size, and commented no variable: @binding(9) var<storage, read> commented: array<f32>;
struct Sizes {
  count: u32,
  /// Lies at 16 bytes.
  places: vec3u,
  factor: f32,
  steps: vec4u,
  other: u32,
}
@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> slopes: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;
fn shifted(i: u32) -> f32 {
  return mask[i] * sizes.factor;
}
fn unused(i: u32) -> f32 {
  return slopes[i + sizes.other];
}
@compute @workgroup_size(64)
fn toy(@builtin(global_invocation_id) place: vec3u) {
  let slopes = 1.0;
  if (place.x < sizes.count) {
    output[place.x + sizes.places.x + sizes.steps.y] = slopes * shifted(place.x);
  }
}
`,
};

const range = (label: string): BoundRange => ({ place: { kind: 'area', number: 0 }, offset: 0, size: 256, label });

describe("a kernel's interface, read out of its WGSL", () => {
  test('sizes lie where WGSL puts them, floats as floats', () => {
    expect(packSizes(KERNEL, { count: 7, places: [1, 2, 3], factor: 0.5, steps: [4, 5, 6, 7] })).toStrictEqual([
      7,
      0,
      0,
      0,
      1,
      2,
      3,
      { float: 0.5 },
      4,
      5,
      6,
      7,
      0,
    ]);
  });

  test('a size that is read and not given is an error, and so is one that is not there', () => {
    const sizes = { count: 7, places: [1, 2, 3], steps: [4, 5, 6, 7] };
    expect(() => packSizes(KERNEL, sizes)).toThrow('webgpu: kernel toy lacks its size factor — got count, places, steps.');
    expect(() => packSizes(KERNEL, { ...sizes, factr: 1 })).toThrow(
      'webgpu: kernel toy has no size factr — expected count, places, factor, steps, other.',
    );
    expect(() => packSizes(KERNEL, { ...sizes, factor: 1, places: [1, 2] })).toThrow(
      'webgpu: kernel toy: size places does not fit — expected 3 numbers, got 2.',
    );
  });

  test('what the entry uses, itself or through a function, is bound by name, and nothing else', () => {
    const given = { mask: range('the mask'), output: range('y') };
    expect([...numberBindings(KERNEL, given)].map(([number, { label }]) => [number, label])).toStrictEqual([
      [2, 'the mask'],
      [3, 'y'],
    ]);
    expect(() => numberBindings(KERNEL, { output: range('y') })).toThrow('webgpu: kernel toy lacks its binding mask — got output.');
    // Declared and read by another function only, or hidden by a variable of the same name.
    expect(() => numberBindings(KERNEL, { ...given, slopes: range('s') })).toThrow('has no binding slopes — expected mask, output.');
    expect(() => numberBindings(KERNEL, { ...given, x: range('x') })).toThrow('has no binding x — expected mask, output.');
  });

  test('softmax and its gradient share a file and differ in what they take', () => {
    const kernel = (entry: string): Shader => shaderOf(['item4', 'teamWorkgroup', 'softmax'], entry, { GROUP: 16 }, false, {});
    const forward = { x: range('scores'), ranges: range('ranges'), output: range('p') };
    expect([...numberBindings(kernel('softmax'), forward).keys()]).toStrictEqual([1, 3, 4]);
    expect(() => numberBindings(kernel('softmaxGrad'), forward)).toThrow('lacks its binding dp — got x, ranges, output.');
    expect(() => numberBindings(kernel('softmax'), { ...forward, dp: range('dp') })).toThrow(
      'has no binding dp — expected x, ranges, output.',
    );
    const sizes = { rows: 3, width: 2, heads: 2, queries: 5, alpha: 0.125, before: 7, after: 8 };
    expect(packSizes(kernel('softmaxGrad'), { ...sizes, firstRow: 1 })).toStrictEqual([3, 2, 1, 2, 5, { float: 0.125 }, 7, 8]);
    expect(() => packSizes(kernel('softmax'), sizes)).toThrow('lacks its size firstRow');
  });
});

describe('scratch areas', () => {
  const memory = (): ProgramMemory => {
    const graph = new Graph();
    graph.output('y', add(graph, graph.input('x', [4]), graph.input('z', [4])));
    return new ProgramMemory(placeInSlabs(plan(graph), { slabBytes: 4096, alignment: 256 }), 4096);
  };
  const numberOf = ({ place }: BoundRange): number => (place.kind === 'area' ? place.number : -1);

  test('of one operation are apart, and are free for the next', () => {
    const areas = memory();
    const first = [areas.scratchArea(1000), areas.scratchArea(200)].map(numberOf);
    expect(new Set(first).size).toBe(2);
    areas.reuseScratch();
    // The smaller area serves the smaller need, in whichever order they come.
    expect([areas.scratchArea(100), areas.scratchArea(1024)].map(numberOf)).toStrictEqual(first.toReversed());
    expect(areas.scratch).toStrictEqual([1024, 256]);
  });

  test('that are kept are nobody else’s', () => {
    const areas = memory();
    const used = numberOf(areas.scratchArea(512));
    areas.reuseScratch();
    const kept = numberOf(areas.keptArea(512));
    areas.reuseScratch();
    const later = [areas.scratchArea(512), areas.scratchArea(512)].map(numberOf);
    expect(kept).not.toBe(used);
    expect(later).toContain(used);
    expect(later).not.toContain(kept);
    expect(() => areas.scratchArea(5000)).toThrow('does not fit in a binding');
  });
});
