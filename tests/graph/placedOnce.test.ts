import { expect, test } from 'vitest';
import { Graph } from '../../src/graph/graph.ts';
import { matmul } from '../../src/graph/ops/matmul.ts';
import { plan } from '../../src/graph/plan.ts';
import { WebGpuEngine } from '../../src/engines/webgpu/webgpuEngine.ts';
import { takeSoftwareGpu } from '../engines/softwareGpu.ts';

test('an engine with buffers of its own never asks for the arena: memory is placed once', async () => {
  await takeSoftwareGpu();
  const graph = new Graph();
  const x = graph.input('x', [8, 8]);
  graph.output('y', matmul(graph, matmul(graph, x, x), x));
  const engine = await WebGpuEngine.create();
  const made = plan(graph, engine.planOptions);
  const asked: string[] = [];
  const watched = new Proxy(made, {
    get: (target, name, receiver): unknown => {
      if (name === 'offsets' || name === 'arenaBytes') asked.push(name);
      return Reflect.get(target, name, receiver);
    },
  });
  const program = await engine.compile(watched);
  program.write(
    'x',
    Float32Array.from({ length: 64 }, (_, i) => (i % 9 === 0 ? 2 : 0)),
  );
  await program.run();
  expect((await program.read('y'))[0]).toBe(8);
  program.dispose();
  engine.dispose();
  expect(asked).toEqual([]);
  expect(made.arenaBytes).toBeGreaterThan(0);
});
