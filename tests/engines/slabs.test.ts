import { expect, test } from 'vitest';
import type { Engine } from '../../src/engines/engine.ts';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import { WebGpuEngine } from '../../src/engines/webgpu/webgpuEngine.ts';
import { Graph } from '../../src/graph/graph.ts';
import { mul, scale } from '../../src/graph/ops/elementwise.ts';
import { add } from '../../src/graph/ops/layout.ts';
import { matmul } from '../../src/graph/ops/matmul.ts';
import { transpose } from '../../src/graph/ops/view.ts';
import { plan } from '../../src/graph/plan.ts';
import type { Value } from '../../src/graph/value.ts';
import { Random } from '../../src/tensor/random.ts';
import { relativeError } from '../../src/engines/conformance/relativeError.ts';
import { takeSoftwareGpu } from './softwareGpu.ts';

const ROWS = 192;
const WIDTH = 32;
/** A tensor here is 24 KiB: whole in the first, three pieces in the second. */
const BINDINGS = [2 ** 15, 2 ** 13];

/** A random net of operations over tensors of one shape, each read several times, long after it was made. */
function net(seed: number, inPlace: boolean): { graph: Graph; reads: number } {
  const random = new Random(seed);
  const graph = new Graph();
  const values: Value[] = [graph.input('a', [ROWS, WIDTH]), graph.input('b', [ROWS, WIDTH])];
  const any = (): Value => values[random.integer(values.length)] ?? graph.input('c', [ROWS, WIDTH]);
  for (let i = 0; i < 24; i++) {
    const [x, y] = [any(), any()];
    const kind = random.integer(4);
    if (kind === 0) values.push(add(graph, scale(graph, x, 0.7), scale(graph, y, 0.6)));
    else if (kind === 1) values.push(scale(graph, mul(graph, x, y), 0.3));
    else if (kind === 2) values.push(scale(graph, x, 0.9));
    else values.push(matmul(graph, x, matmul(graph, transpose(graph, y), any(), { alpha: ROWS ** -0.5 }), { alpha: WIDTH ** -0.5 }));
  }
  const outputs = values.slice(-3);
  outputs.forEach((value, index) => graph.output(`out${index}`, value));
  return { graph, reads: plan(graph, { alignment: 256, inPlace }).nodes.reduce((sum, { inputs }) => sum + inputs.length, 0) };
}

async function outputs(engine: Engine, seed: number): Promise<Float32Array[]> {
  const program = await engine.compile(plan(net(seed, false).graph, engine.planOptions));
  const random = new Random(7);
  for (const name of ['a', 'b'])
    program.write(
      name,
      Float32Array.from({ length: ROWS * WIDTH }, () => random.normal()),
    );
  // The second run finds the first one's numbers in the memory that tensors share.
  await program.run();
  await program.run();
  const found: Float32Array[] = [];
  for (const name of ['out0', 'out1', 'out2']) found.push(await program.read(name));
  program.dispose();
  return found;
}

test.each(BINDINGS)('random nets in slabs of at most %i bytes give the reference engine’s numbers', async (bindingBytes) => {
  await takeSoftwareGpu();
  const reference = new ReferenceEngine();
  const engine = await WebGpuEngine.create({ bindingBytes });
  for (const seed of [1, 2, 3]) {
    expect(net(seed, false).reads).toBeGreaterThan(15);
    const expected = await outputs(reference, seed);
    const got = await outputs(engine, seed);
    expected.forEach((values, index) => {
      expect(values.some((x) => Math.abs(x) > 1e-6)).toBe(true);
      // Float32 chains of up to a few dozen operations.
      expect(relativeError(got[index] ?? [], values), `net ${seed}, output ${index}`).toBeLessThan(2e-5);
    });
  }
  engine.dispose();
});
