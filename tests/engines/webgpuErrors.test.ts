import { beforeAll, expect, test } from 'vitest';
import { bindDispatches } from '../../src/engines/webgpu/binding.ts';
import { DeviceOwner, USAGE } from '../../src/engines/webgpu/deviceOwner.ts';
import { UNIFORM_BYTES, type Dispatch } from '../../src/engines/webgpu/dispatch.ts';
import { requestAdapter } from '../../src/engines/webgpu/gpuAccess.ts';
import { Pipelines } from '../../src/engines/webgpu/pipelines.ts';
import type { Shader } from '../../src/engines/webgpu/shader.ts';
import { WebGpuEngine } from '../../src/engines/webgpu/webgpuEngine.ts';
import { EngineError } from '../../src/engines/engineError.ts';
import { Graph } from '../../src/graph/graph.ts';
import { scale } from '../../src/graph/ops/elementwise.ts';
import { plan } from '../../src/graph/plan.ts';
import { takeSoftwareGpu } from './softwareGpu.ts';

beforeAll(takeSoftwareGpu);

/** The error that work ends with. */
async function errorOf(work: Promise<unknown>): Promise<EngineError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof EngineError)) throw new Error(`expected an EngineError, got ${String(error)}`);
  return error;
}

function doubled(rows: number): Graph {
  const graph = new Graph();
  graph.output('y', scale(graph, graph.input('a large input', [rows, 4096]), 2));
  return graph;
}

// SwiftShader refuses a buffer of a whole gibibyte, the most that its limits allow. A GPU may well have the room.
test('a device without the memory for a program says which buffer, whose, how many bytes and what to do, and stays of use', async ({
  skip,
}) => {
  const engine = await WebGpuEngine.create();
  skip(!engine.adapter.software, 'a GPU may have the memory');
  const rows = 2 ** 16;
  const error = await errorOf(engine.compile(plan(doubled(rows), engine.planOptions)));
  expect(error.message).toMatch(
    /^webgpu: buffer slab 0 of 2 \(a large input \[65536, 4096\]; the program needs 2147\.5 MB in all\), 1073\.7 MB — out of memory\. Close other programs/,
  );
  expect(error.details).toMatchObject({ bytes: rows * 4096 * 4 });
  const small = await engine.compile(plan(doubled(1), engine.planOptions));
  small.write('a large input', new Float32Array(4096).fill(3));
  await small.run();
  expect(await small.read('y')).toEqual(new Float32Array(4096).fill(6));
  engine.dispose();
});

const DOUBLE: Shader = {
  name: 'double',
  entry: 'double',
  code: `@group(0) @binding(0) var<uniform> count: u32;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(64) fn double(@builtin(global_invocation_id) id: vec3u) { if (id.x < count) { x[id.x] *= 2.0; } }`,
};

function dispatch(label: string, size: number, shader = DOUBLE): Dispatch {
  const range = { place: { kind: 'slab', slab: 0 }, offset: 0, size, label: 'the weights' } as const;
  return { shader, sizes: [64], bindings: new Map([[1, range]]), groups: [1, 1, 1], flops: 64, label };
}

test('what the device refuses to bind names kernel, operation, tensor and bytes', async () => {
  const owner = new DeviceOwner(await (await requestAdapter()).requestDevice());
  const pipelines = new Pipelines(owner);
  const uniforms = owner.device.createBuffer({ size: 2 * UNIFORM_BYTES, usage: USAGE.uniform | USAGE.copyTarget });
  const buffer = owner.device.createBuffer({ label: 'slab 0', size: 512, usage: USAGE.storage });
  const bound = (dispatches: readonly Dispatch[]): Promise<unknown> =>
    bindDispatches(owner, pipelines, dispatches, uniforms, () => ({ buffer, offset: 0 }));
  const error = await errorOf(bound([dispatch('scale y#1', 512), dispatch('scale z#2', 1024)]));
  expect(error.message).toMatch(/^webgpu: kernel double for scale z#2, binding 1 the weights of 1024 bytes — /);
  // The driver's own words follow, without where in its code they come from.
  expect(error.message).toContain('512');
  expect(error.message).not.toMatch(/\n|\.cpp/);
  expect(error.details).toEqual({ kernel: 'double', buffers: [{ label: 'the weights', bytes: 1024 }] });
  await bound([dispatch('scale y#1', 512)]);
  owner.dispose();
});

test('a kernel that does not compile is named with line, column and the line of WGSL', async () => {
  const owner = new DeviceOwner(await (await requestAdapter()).requestDevice());
  const broken = { ...DOUBLE, code: DOUBLE.code.replace('*= 2.0', '*= two') };
  const error = await errorOf(new Pipelines(owner).compile([broken]));
  expect(error.message).toMatch(/^webgpu: kernel double did not compile — 3:\d+ .*two.* \| @compute .*x\[id\.x\] \*= two;/);
  expect(error.details).toMatchObject({ kernel: 'double', wgsl: broken.code });
  owner.dispose();
});

test('a fault that nobody waits for is told by the next call', async () => {
  const owner = new DeviceOwner(await (await requestAdapter()).requestDevice());
  owner.device.createBuffer({ label: 'nobody asked', size: 4, usage: 0 });
  await owner.device.queue.onSubmittedWorkDone();
  const error = await errorOf(owner.guard(owner.device.queue.onSubmittedWorkDone()));
  expect(error.message).toMatch(/^webgpu: .*nobody asked/);
  owner.dispose();
});

// Dawn in Node ended the whole process at two of three such pairs.
test('two engines that are asked for at once are made one after the other, and work side by side', async () => {
  const engines = await Promise.all([WebGpuEngine.create(), WebGpuEngine.create()]);
  const doubles = await Promise.all(
    engines.map(async (engine, number) => {
      const program = await engine.compile(plan(doubled(1), engine.planOptions));
      program.write('a large input', new Float32Array(4096).fill(number + 1));
      await program.run();
      return program.read('y');
    }),
  );
  expect(doubles.map((numbers) => numbers.at(-1))).toEqual([2, 4]);
  for (const engine of engines) engine.dispose();
});
