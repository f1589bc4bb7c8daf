import { beforeAll, expect, test } from 'vitest';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import { RememberedHere } from '../../src/engines/remembered.ts';
import type { Engine } from '../../src/engines/engine.ts';
import type { MatmulTile } from '../../src/engines/webgpu/matmul/form.ts';
import { candidateTiles, type MatmulProblem } from '../../src/engines/webgpu/matmul/candidates.ts';
import { WebGpuEngine } from '../../src/engines/webgpu/webgpuEngine.ts';
import { Graph } from '../../src/graph/graph.ts';
import { matmul } from '../../src/graph/ops/matmul.ts';
import { transpose } from '../../src/graph/ops/view.ts';
import { plan } from '../../src/graph/plan.ts';
import { relativeError } from '../../src/engines/conformance/relativeError.ts';
import { randomFloats } from '../../src/engines/conformance/operationCases.ts';
import { takeSoftwareGpu } from './softwareGpu.ts';
import { SOFTWARE_TRAITS } from './softwareTraits.ts';

beforeAll(takeSoftwareGpu);

const SMALL: MatmulTile = { method: 'registers', rows: 4, columns: 4, threadsX: 8, threadsY: 1, depth: 0 };
const WORKGROUP: MatmulTile = { method: 'workgroup', rows: 4, columns: 4, threadsX: 4, threadsY: 4, depth: 16 };

interface Answer {
  readonly outputs: ReadonlyMap<string, Float32Array>;
  readonly dispatches: number;
}

/** Weight gradients dY^T X and plain products at sizes that fill no tile, two of which can't be cut into eight parts. */
async function products(engine: Engine): Promise<Answer> {
  const graph = new Graph();
  for (const [m, k, n] of [
    [20, 256, 12],
    [21, 192, 13],
    // 8 parts of whole vectors there are not.
    [20, 40, 12],
  ] as const) {
    const name = `${m} x ${k} x ${n}`;
    const [tall, wide, b] = [graph.input(`tall ${name}`, [k, m]), graph.input(`wide ${name}`, [m, k]), graph.input(`b ${name}`, [k, n])];
    graph.output(`A^T B ${name}`, matmul(graph, transpose(graph, tall), b, { alpha: 0.5 }));
    graph.output(`A B ${name}`, matmul(graph, wide, b));
  }
  // What follows a product follows the sum of its parts: such a one stays whole.
  const [x, w, bias] = [graph.input('x', [20, 256]), graph.input('w', [256, 12]), graph.input('bias', [12])];
  graph.output('with epilogue', matmul(graph, x, w, { bias, activation: 'gelu' }));
  const program = await engine.compile(plan(graph, engine.planOptions));
  [...graph.inputs].forEach(([name, { shape }], i) => program.write(name, randomFloats(shape, i + 1)));
  await program.run();
  const outputs = new Map<string, Float32Array>();
  for (const name of graph.outputs.keys()) outputs.set(name, await program.read(name));
  const dispatches = 'dispatchCount' in program && typeof program.dispatchCount === 'number' ? program.dispatchCount : 0;
  program.dispose();
  return { outputs, dispatches };
}

test.each([
  ['registers', SMALL],
  ['workgroup', WORKGROUP],
] as const)('%s: products that are cut along k are what they are whole, the same to the last bit every time', async (_, base) => {
  const engine = await WebGpuEngine.create({ tile: { ...base, split: 8 } });
  const { outputs: expected } = await products(new ReferenceEngine());
  const [first, second] = [await products(engine), await products(engine)];
  expect(second).toEqual(first);
  // Seven products, four of which are followed by the sum of their parts.
  expect(first.dispatches).toBe(7 + 4);
  // float32 sums of up to 256 products.
  for (const [name, values] of expected) expect(relativeError(first.outputs.get(name) ?? [], values), name).toBeLessThan(5e-6);
  engine.dispose();
});

test('a product by parts is chosen where it is measured to be the fastest', async () => {
  // Four of its invocations have work, and each goes over all of k.
  const slow: MatmulTile = { ...SMALL, threadsX: 128 };
  const engine = await WebGpuEngine.create({
    tuning: { remembered: new RememberedHere(), milliseconds: 60_000, candidates: () => [slow, { ...SMALL, split: 8 }] },
  });
  const graph = new Graph();
  graph.output('c', matmul(graph, transpose(graph, graph.input('a', [8192, 8])), graph.input('b', [8192, 8])));
  const program = await engine.compile(plan(graph, engine.planOptions));
  expect([...(engine.kernels ?? [])]).toHaveLength(1);
  expect(engine.measurements.map(({ chosen }) => chosen)).toEqual([expect.stringContaining('"split":8')]);
  program.dispose();
  engine.dispose();
});

test('is measured where sums are few and long, and nowhere else', () => {
  const traits = SOFTWARE_TRAITS;
  const form = {
    a: 'side',
    b: 'side',
    halfA: false,
    halfB: false,
    vectorC: true,
    stride: 8,
    bias: false,
    addend: false,
    accumulate: false,
    activation: 'none',
  } as const;
  const gradient: MatmulProblem = { m: 192, n: 192, k: 4096, batch: 1, form };
  const splitOf = (problem: MatmulProblem, software = false): boolean =>
    candidateTiles(problem, { ...traits, software }).some(({ split }) => split === 8);
  expect(splitOf(gradient)).toBe(true);
  expect(splitOf(gradient, true), 'a processor').toBe(false);
  for (const other of [
    { ...gradient, k: 512 },
    { ...gradient, m: 4096 },
    { ...gradient, batch: 12 },
    { ...gradient, k: 4100 },
    { ...gradient, form: { ...form, bias: true } },
  ])
    expect(splitOf(other), JSON.stringify(other)).toBe(false);
});
