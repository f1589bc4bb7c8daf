import { describe, expect, test } from 'vitest';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import { WebGpuEngine, type WebGpuOptions } from '../../src/engines/webgpu/webgpuEngine.ts';
import type { Engine } from '../../src/engines/engine.ts';
import { Graph } from '../../src/graph/graph.ts';
import { add } from '../../src/graph/ops/layout.ts';
import { assign, scale } from '../../src/graph/ops/elementwise.ts';
import { matmul } from '../../src/graph/ops/matmul.ts';
import { gatherRows } from '../../src/graph/ops/rows.ts';
import { transpose } from '../../src/graph/ops/view.ts';
import { plan } from '../../src/graph/plan.ts';
import type { Value } from '../../src/graph/value.ts';
import { decodeHalf, encodeHalf } from '../../src/tensor/float16.ts';
import { relativeError } from '../../src/engines/conformance/relativeError.ts';
import { takeHalfGpu } from './halfGpu.ts';
import { randomFloats } from '../../src/engines/conformance/operationCases.ts';

const missing = await takeHalfGpu();
const HALVES: WebGpuOptions = { storage: 'float16' };
const IDS = Int32Array.of(3, 0, 34, -1, 3, 17);
const rounded = (data: Float32Array): Float32Array => decodeHalf(encodeHalf(data));

/** Frozen weights as either operand, loaded along k, along the side and one by one. */
function halfGraph(): Graph {
  const graph = new Graph();
  const [even, odd] = [graph.frozen('w.even', [40, 36]), graph.frozen('w.odd', [41, 35])];
  const input = (rows: number, columns: number): Value => graph.input(`input ${rows} x ${columns}`, [rows, columns]);
  const bias = graph.frozen('bias', [40]);
  graph.output('x W', matmul(graph, input(28, 40), even, { alpha: 0.5 }));
  graph.output('x W^T', matmul(graph, input(28, 36), transpose(graph, even), { bias, activation: 'gelu' }));
  graph.output('W x', matmul(graph, even, input(36, 28)));
  graph.output('W^T x', matmul(graph, transpose(graph, even), input(40, 28)));
  graph.output('W W^T', matmul(graph, even, transpose(graph, even)));
  graph.output('x W, odd', matmul(graph, input(27, 41), odd));
  graph.output('W x, odd', matmul(graph, odd, input(35, 27)));
  const ids = graph.input('ids', [IDS.length], 'i32');
  graph.output('rows', gatherRows(graph, even, ids));
  graph.output('rows, odd', gatherRows(graph, odd, ids));
  return graph;
}

/** Weights that one binding holds the first two thirds of: their products are cut along k and along n. */
function cutGraph(): Graph {
  const graph = new Graph();
  const w = graph.frozen('w', [192, 16]);
  graph.output('along k', matmul(graph, graph.input('long', [4, 192]), w));
  graph.output('along n', matmul(graph, graph.input('short', [4, 16]), transpose(graph, w)));
  graph.output('rows', gatherRows(graph, w, graph.input('ids', [IDS.length], 'i32')));
  return graph;
}

/** Everything that the graph gives; `prepare` is what the engine does to frozen weights that it may round. */
async function run(engine: Engine, graph: Graph, prepare: (data: Float32Array) => Float32Array): Promise<Map<string, Float32Array>> {
  const program = await engine.compile(plan(graph, engine.planOptions));
  [...graph.inputs, ...graph.states].forEach(([name, { shape, dtype, storage }], i) => {
    const data = randomFloats(shape, i + 1);
    program.write(name, dtype === 'i32' ? IDS : storage.frozen === true && storage.size >= 1024 ? prepare(data) : data);
  });
  await program.run();
  const results = new Map<string, Float32Array>();
  for (const name of [...graph.outputs.keys(), ...graph.states.keys()]) results.set(name, await program.read(name));
  program.dispose();
  return results;
}

describe.skipIf(missing !== undefined)(`weights in half precision${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  // One small kernel a method: what unrolls further loads by the same lines, and takes this compiler a minute.
  const configurations: [string, Graph, WebGpuOptions][] = [
    ['register kernels', halfGraph(), { tile: { method: 'registers', rows: 4, columns: 4, threadsX: 8, threadsY: 1, depth: 0 } }],
    ['quad kernels', halfGraph(), { tile: { method: 'quad', rows: 16, columns: 4, threadsX: 8, threadsY: 1, depth: 0 } }],
    ['workgroup kernels', halfGraph(), { tile: { method: 'workgroup', rows: 4, columns: 4, threadsX: 4, threadsY: 4, depth: 8 } }],
    ['kernels over pieces', cutGraph(), { bindingBytes: 4096 }],
  ];

  test.each(configurations)('are loaded as they are by %s', async (_, graph, options) => {
    const reference = new ReferenceEngine();
    const expected = await run(reference, graph, rounded);
    const exact = await run(reference, graph, (data) => data);
    const engine = await WebGpuEngine.create({ ...HALVES, ...options });
    const got = await run(engine, graph, (data) => data);
    for (const [name, values] of expected) {
      // The operands are the reference's to the last bit, so that nothing is left but float32 sums of up to 192 products.
      expect(relativeError(got.get(name) ?? [], values), name).toBeLessThan(1e-6);
      if (!name.startsWith('bias')) expect(relativeError(values, exact.get(name) ?? []), `${name}: rounding shows`).toBeGreaterThan(1e-5);
    }
    engine.dispose();
  });

  test('are every half there is, subnormals too', async () => {
    const engine = await WebGpuEngine.create(HALVES);
    const graph = new Graph();
    const table = graph.frozen('table', [992, 64]);
    graph.output('rows', gatherRows(graph, table, graph.input('ids', [992], 'i32')));
    const program = await engine.compile(plan(graph, engine.planOptions));
    const finite = Uint16Array.from({ length: 2 ** 16 }, (__, bits) => bits).filter((bits) => (bits & 0x7c00) !== 0x7c00);
    expect(finite).toHaveLength(992 * 64);
    program.write('table', decodeHalf(finite));
    program.write(
      'ids',
      Int32Array.from({ length: 992 }, (__, i) => i),
    );
    await program.run();
    expect(await program.read('rows')).toEqual(decodeHalf(finite));
    engine.dispose();
  });

  test('take half the memory, and no state that is written, small, or read by another kernel', async () => {
    const bytes: number[] = [];
    for (const storage of ['float32', 'float16'] as const) {
      const engine = await WebGpuEngine.create({ storage });
      const graph = new Graph();
      const x = graph.input('x', [1, 64]);
      const [w, added, kept, small] = [
        graph.frozen('w', [64, 4096]),
        graph.frozen('added', [64, 64]),
        graph.frozen('kept', [64, 64]),
        graph.frozen('small', [64, 8]),
      ];
      for (const value of [w, added, kept, small]) graph.output(`x ${value.storage.label}`, matmul(graph, x, value));
      graph.output('sum', add(graph, added, graph.input('other', [64, 64])));
      assign(graph, kept, scale(graph, kept, 1));
      const program = await engine.compile(plan(graph, engine.planOptions));
      for (const [i, [name, { shape }]] of [...graph.states].entries()) {
        const data = randomFloats(shape, i + 1);
        program.write(name, data);
        expect(await program.read(name), name).toEqual(name === 'w' && storage === 'float16' ? rounded(data) : data);
      }
      bytes.push(program.tensorBytes);
      engine.dispose();
    }
    expect((bytes[0] ?? 0) - (bytes[1] ?? 0)).toBe(64 * 4096 * 2);
  });

  test('are refused where half precision does not hold them', async () => {
    const engine = await WebGpuEngine.create(HALVES);
    expect(engine.describe().detail).toMatch(/, frozen weights in float16$/);
    const graph = new Graph();
    graph.output('y', matmul(graph, graph.input('x', [1, 64]), graph.frozen('w', [64, 64])));
    const program = await engine.compile(plan(graph, engine.planOptions));
    const data = randomFloats([64, 64], 1);
    program.write('w', data);
    for (const number of [65_520, -1e9, Number.NaN, Number.POSITIVE_INFINITY]) {
      const beyond = data.with(70, number);
      expect(() => program.write('w', beyond)).toThrow(
        `webgpu: w — expected numbers from -65504 to 65504, which is all that float16 storage holds, got ${number} at 70.`,
      );
    }
    expect(await program.read('w'), 'what was there before').toEqual(rounded(data));
    program.write('w', data.with(70, 65_519));
    expect((await program.read('w'))[70]).toBe(65_504);
    engine.dispose();
  });
});

test('an adapter without halves stores float32, and says so', async () => {
  const engine = await WebGpuEngine.create({ ...HALVES, plain: true });
  expect(engine.describe().detail).toMatch(/, weights in float32 \(no shader-f16 here\)$/);
  const graph = new Graph();
  graph.output('y', matmul(graph, graph.input('x', [1, 64]), graph.frozen('w', [64, 64])));
  const program = await engine.compile(plan(graph, engine.planOptions));
  const data = randomFloats([64, 64], 1);
  program.write('w', data);
  expect(await program.read('w')).toEqual(data);
  engine.dispose();
});
