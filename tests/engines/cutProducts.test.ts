import { beforeAll, describe, expect, test } from 'vitest';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import type { Engine } from '../../src/engines/engine.ts';
import { cutWork } from '../../src/engines/webgpu/boxes.ts';
import type { Dispatch } from '../../src/engines/webgpu/dispatch.ts';
import { Lowering, type DeviceTraits } from '../../src/engines/webgpu/lower/lowering.ts';
import { lowerNode } from '../../src/engines/webgpu/lower/lowerNode.ts';
import { candidateTiles } from '../../src/engines/webgpu/matmul/candidates.ts';
import { ProgramMemory } from '../../src/engines/webgpu/programMemory.ts';
import { placeInSlabs } from '../../src/engines/webgpu/slabs.ts';
import { needTile } from '../../src/engines/webgpu/tuning/products.ts';
import { DISPATCH_FLOPS, WebGpuEngine } from '../../src/engines/webgpu/webgpuEngine.ts';
import { Graph } from '../../src/graph/graph.ts';
import { linear, matmul } from '../../src/graph/ops/matmul.ts';
import { scatterRows } from '../../src/graph/ops/rows.ts';
import { transpose } from '../../src/graph/ops/view.ts';
import { plan } from '../../src/graph/plan.ts';
import { relativeError } from '../../src/engines/conformance/relativeError.ts';
import { randomFloats } from '../../src/engines/conformance/operationCases.ts';
import { takeSoftwareGpu } from './softwareGpu.ts';

/** A GPU, without one. */
const TRAITS: DeviceTraits = {
  subgroupSize: 32,
  quads: true,
  software: false,
  invocations: 256,
  workgroupBytes: 32_768,
  groupsAnAxis: 65_535,
  bindingBytes: 2 ** 31 - 256,
  dispatchFlops: DISPATCH_FLOPS,
};

function dispatchesOf(graph: Graph): readonly Dispatch[] {
  const planned = plan(graph, { alignment: 256, inPlace: false });
  const memory = new ProgramMemory(placeInSlabs(planned, { slabBytes: TRAITS.bindingBytes, alignment: 256 }), TRAITS.bindingBytes);
  const lowering = new Lowering(memory, TRAITS, (problem) => needTile(problem, candidateTiles(problem, TRAITS)[0]));
  for (const node of planned.nodes) lowerNode(lowering, node);
  return lowering.dispatches;
}

// The largest of BERT-base: a decoder over every token of a batch, merging a vocabulary (36 GFLOP), its gradient, and attention
// over long sequences, whose rows are few and batches many.
test.each([
  ['a decoder', [4096, 768], [30_522, 768], false],
  ['a merged vocabulary', [30_522, 768], [768, 768], false],
  ['a gradient of weights', [4096, 30_522], [4096, 768], true],
  ['attention', [192, 2048, 64], [192, 2048, 64], false],
  ['many small products', [65_000, 40, 128], [65_000, 40, 128], false],
] as const)('no dispatch of %s holds more than 15 GFLOP', (_, a, b, tall) => {
  const graph = new Graph();
  const [left, right] = [graph.input('a', a), graph.input('b', b)];
  graph.output('c', tall ? matmul(graph, transpose(graph, left), right) : matmul(graph, left, transpose(graph, right)));
  const dispatches = dispatchesOf(graph);
  expect(dispatches.length).toBeGreaterThan(1);
  for (const { flops } of dispatches) expect(flops).toBeLessThanOrEqual(DISPATCH_FLOPS);
  expect(dispatches.reduce((sum, { flops }) => sum + flops, 0)).toBe(graph.nodes.at(-1)?.flops);
  // Few more than it takes.
  const least = (graph.nodes.at(-1)?.flops ?? 0) / DISPATCH_FLOPS;
  expect(dispatches.length).toBeLessThanOrEqual(2 * Math.ceil(least) + 1);
});

test('a product that is not large stays whole', () => {
  const graph = new Graph();
  graph.output('c', linear(graph, graph.input('a', [1024, 768]), graph.input('b', [768, 768])));
  expect(dispatchesOf(graph)).toHaveLength(1);
});

test('parts cover every sum once', () => {
  for (const lengths of [
    [1, 1, 300, 100, 70],
    [3, 5, 30, 40, 9],
    [1, 1, 1, 1000, 33],
    [1, 2, 129, 1, 500],
  ]) {
    const parts = cutWork({ first: [0, 0, 0, 0, 0], lengths }, 20_000);
    const seen = new Set<string>();
    for (const part of parts) {
      const [a = 0, b = 0, m = 0, n = 0, k = 0] = part.lengths;
      const one = part.lengths.slice(0, 4).every((length) => length <= 2 * 64);
      expect(a * b * m * n * k <= 20_000 || one).toBe(true);
      expect(k).toBe(lengths[4]);
      const [fa = 0, fb = 0, fm = 0, fn = 0] = part.first;
      for (let i = 0; i < a; i++)
        for (let j = 0; j < b; j++)
          for (let r = 0; r < m; r++)
            for (let c = 0; c < n; c++) {
              const place = `${fa + i},${fb + j},${fm + r},${fn + c}`;
              expect(seen.has(place)).toBe(false);
              seen.add(place);
            }
    }
    expect(seen.size).toBe(lengths.slice(0, 4).reduce((product, length) => product * length, 1));
  }
});

describe('products in parts', () => {
  beforeAll(takeSoftwareGpu);

  async function answers(engine: Engine): Promise<ReadonlyMap<string, Float32Array>> {
    const graph = new Graph();
    const [x, w, bias] = [graph.input('x', [200, 36]), graph.input('w', [141, 36]), graph.input('bias', [141])];
    graph.output('linear', matmul(graph, x, transpose(graph, w), { bias, activation: 'gelu' }));
    graph.output('odd', matmul(graph, graph.input('o', [131, 33]), graph.input('p', [33, 135])));
    graph.output('gradient', matmul(graph, transpose(graph, graph.input('dy', [50, 160])), graph.input('in', [50, 140])));
    const [q, k] = [graph.input('q', [7, 3, 20, 8]), graph.input('k', [7, 3, 24, 8])];
    graph.output('batches', matmul(graph, q, transpose(graph, k), { alpha: 0.5 }));
    const program = await engine.compile(plan(graph, engine.planOptions));
    [...graph.inputs].forEach(([name, { shape }], i) => program.write(name, randomFloats(shape, i + 1)));
    await program.run();
    const outputs = new Map<string, Float32Array>();
    for (const name of graph.outputs.keys()) outputs.set(name, await program.read(name));
    program.dispose();
    return outputs;
  }

  test('are what they are whole', async () => {
    const expected = await answers(new ReferenceEngine());
    const engine = await WebGpuEngine.create({ dispatchFlops: 400_000 });
    const got = await answers(engine);
    engine.dispose();
    for (const [name, values] of expected) expect(relativeError(got.get(name) ?? [], values), name).toBeLessThan(5e-6);
  });
});

test('the rows of a batch are searched for equal ids, and added to a table, in blocks of 2048', () => {
  const rows = 9000;
  const graph = new Graph();
  graph.output('table', scatterRows(graph, graph.input('x', [rows, 12]), graph.input('ids', [rows], 'i32'), 1000));
  const entries = dispatchesOf(graph).map(({ shader }) => shader.entry);
  expect(entries).toEqual(['linkRows', 'sumNear', 'fill', ...Array.from({ length: Math.ceil(rows / 2048) }, () => 'scatterRows')]);
});
