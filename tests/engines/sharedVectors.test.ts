import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import { KERNELS } from '../../src/engines/webgpu/built/kernels.ts';
import { requestAdapter } from '../../src/engines/webgpu/gpuAccess.ts';
import type { Load, MatmulForm, MatmulTile } from '../../src/engines/webgpu/matmul/form.ts';
import { matmulShader } from '../../src/engines/webgpu/matmul/matmulShader.ts';
import { WebGpuEngine } from '../../src/engines/webgpu/webgpuEngine.ts';
import { Graph } from '../../src/graph/graph.ts';
import { linear } from '../../src/graph/ops/matmul.ts';
import { plan } from '../../src/graph/plan.ts';
import { Random } from '../../src/tensor/random.ts';
import { relativeError } from '../../src/engines/conformance/relativeError.ts';
import { takeSoftwareGpu } from './softwareGpu.ts';

/**
 * A write to a component of a vector in an array: `tile[i].x = 1` or `tile[i][part] = 1`. WGSL lets it read and write the whole
 * vector, so that invocations that write other components of it race. Metal and Direct3D compilers use that freedom.
 */
const COMPONENT_WRITE = /(?<array>\w+)\[(?<index>[^\]=;]+)\](?:\.(?<name>[xyzw])|\[(?<number>[^\]=;]+)\])\s*=(?!=)\s*(?<value>[^;]+);/g;

function groupsOf(found: unknown): Readonly<Record<string, string | undefined>> {
  return typeof found === 'object' && found !== null ? Object.fromEntries(Object.entries(found)) : {};
}

/** The shader as such a compiler may read it: every component write takes the whole vector along. */
function withWholeVectors(code: string): string {
  return code.replaceAll(COMPONENT_WRITE, (...found) => {
    const { array, index, name, number, value } = groupsOf(found.at(-1));
    const at = name === undefined ? `[${number ?? ''}]` : `.${name}`;
    return `{ var whole = ${array ?? ''}[${index ?? ''}]; whole${at} = ${value ?? ''}; ${array ?? ''}[${index ?? ''}] = whole; }`;
  });
}

const writesOf = (code: string): string[] => [...code.matchAll(COMPONENT_WRITE)].map(([text]) => text);

const TILE: MatmulTile = { method: 'workgroup', rows: 8, columns: 8, threadsX: 16, threadsY: 16, depth: 8 };
const TILES: readonly MatmulTile[] = [TILE, { ...TILE, rows: 4, columns: 4, threadsX: 8, threadsY: 8, depth: 16 }];

function shadersOf(tile: MatmulTile): string[] {
  const loads: readonly Load[] = ['depth', 'side', 'single'];
  return loads.flatMap((a) =>
    loads.flatMap((b) =>
      [true, false].map((vectorC) => {
        const plain = { halfA: false, halfB: false, stride: 4, bias: true, addend: true, accumulate: false, activation: 'none' } as const;
        const form: MatmulForm = { ...plain, a, b, vectorC };
        return matmulShader(tile, form, 0).code;
      }),
    ),
  );
}

/** How the kernel was at ae965a4: every invocation scattered one vector over four, a component each. */
const SCATTERED = `
var<workgroup> tile: array<vec4f, 16>;
@group(0) @binding(0) var<storage, read> given: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> turned: array<vec4f>;
@compute @workgroup_size(16)
fn turn(@builtin(local_invocation_index) id: u32) {
  let loaded = given[id];
  let at = id / 4u;
  let part = id & 3u;
  tile[at][part] = loaded.x; tile[at + 4u][part] = loaded.y; tile[at + 8u][part] = loaded.z; tile[at + 12u][part] = loaded.w;
  workgroupBarrier();
  turned[id] = tile[id];
}`;

/** 16 vectors through {@link SCATTERED}, and how many of the 64 numbers are not where they belong. */
async function misplaced(code: string): Promise<number> {
  const device = await (await requestAdapter()).requestDevice();
  const given = Float32Array.from({ length: 64 }, (_, i) => i + 1);
  const make = (usage: number): GPUBuffer => device.createBuffer({ size: given.byteLength, usage });
  const [source, target, read] = [make(0x80 | 0x8), make(0x80 | 0x4), make(0x1 | 0x8)];
  device.queue.writeBuffer(source, 0, given);
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module: device.createShaderModule({ code }) } });
  const entries = [source, target].map((buffer, binding) => ({ binding, resource: { buffer } }));
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(target, 0, read, 0, given.byteLength);
  device.queue.submit([encoder.finish()]);
  await read.mapAsync(1);
  const got = new Float32Array(read.getMappedRange().slice(0));
  device.destroy();
  // Vector 4 t + g holds number t of the vectors 4 g to 4 g + 3.
  return got.filter((x, i) => x !== (given[4 * (4 * (Math.floor(i / 4) % 4) + (i % 4)) + Math.floor(i / 16)] ?? 0)).length;
}

describe('vectors that invocations share', () => {
  test('no kernel writes to a component of one', () => {
    expect(writesOf(SCATTERED)).toHaveLength(4);
    for (const [name, code] of Object.entries(KERNELS)) expect(writesOf(code), name).toEqual([]);
    const shaders = TILES.flatMap((tile) => [
      ...shadersOf(tile),
      ...shadersOf({ ...tile, method: 'registers' }),
      ...shadersOf({ ...tile, method: 'quad', rows: 16, columns: 4 }),
    ]);
    expect(shaders).toHaveLength(108);
    for (const code of shaders) expect(writesOf(code), code.slice(0, 400)).toEqual([]);
  });

  describe('on a driver that writes whole vectors', () => {
    let restore = (): void => {};
    let emulated = true;

    beforeAll(async () => {
      await takeSoftwareGpu();
      const device = await (await requestAdapter()).requestDevice();
      const methods: unknown = Object.getPrototypeOf(device);
      device.destroy();
      if (typeof methods !== 'object' || methods === null) throw new Error('a device has no methods');
      const compile: unknown = Reflect.get(methods, 'createShaderModule');
      if (typeof compile !== 'function') throw new Error('a device has no createShaderModule');
      const emulate = function (this: GPUDevice, given: GPUShaderModuleDescriptor): unknown {
        return Reflect.apply(compile, this, [emulated ? { ...given, code: withWholeVectors(given.code) } : given]);
      };
      Reflect.set(methods, 'createShaderModule', emulate);
      restore = () => void Reflect.set(methods, 'createShaderModule', compile);
    });

    afterAll(() => restore());

    test('a kernel with component writes loses numbers: what this guards against is real', async () => {
      expect(await misplaced(SCATTERED)).toBeGreaterThan(0);
      emulated = false;
      expect(await misplaced(SCATTERED)).toBe(0);
      emulated = true;
    });

    test.each(TILES)('products of $rows x $columns sums by $threadsX x $threadsY invocations are right', async (tile) => {
      const graph = new Graph();
      const [rows, width, columns] = [128, 64, 128];
      const x = graph.input('x', [rows, width]);
      const w = graph.input('w', [columns, width]);
      const b = graph.input('b', [columns]);
      graph.output('y', linear(graph, x, w, b));
      const random = new Random(4);
      const numbers = new Map(
        [x, w, b].map((value) => [value.storage.label, Float32Array.from({ length: value.storage.size }, () => random.normal())]),
      );
      const answer = async (engine: ReferenceEngine | WebGpuEngine): Promise<Float32Array> => {
        const program = await engine.compile(plan(graph, engine.planOptions));
        for (const [name, data] of numbers) program.write(name, data);
        await program.run();
        const y = await program.read('y');
        program.dispose();
        engine.dispose();
        return y;
      };
      const expected = await answer(new ReferenceEngine());
      expect(relativeError(await answer(await WebGpuEngine.create({ tile })), expected)).toBeLessThan(5e-6);
    });
  });
});
