// The test of a GPU where there is none, where it is stopped, and where its device goes; the browser tests run it as a whole.
import { afterEach, expect, test, vi } from 'vitest';
import { testGpu } from '../../src/engines/gpuTest/gpuTest.ts';
import { WasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { takeSoftwareGpu } from './softwareGpu.ts';

afterEach(() => void vi.unstubAllGlobals());

const cpu = (): Promise<WasmEngine> => WasmEngine.create(1);

test('without an adapter the reason is found, and the speed of the CPU', async () => {
  vi.stubGlobal('navigator', { gpu: { requestAdapter: () => Promise.resolve(null) } });
  const found = await testGpu(cpu);
  expect(found.missing).toContain('offers no GPU adapter');
  expect(found.adapter).toBeUndefined();
  expect(found.cases).toEqual([]);
  expect(found.cpu?.gflops).toBeGreaterThan(0);
});

test('a stop ends it soon, with what was found until then', async () => {
  await takeSoftwareGpu();
  const stop = new AbortController();
  const found = await testGpu(cpu, { progress: (_, done) => done > 2 && stop.abort(), signal: stop.signal });
  expect(found).toMatchObject({ stopped: true, kernels: [] });
  expect(found.gflops ?? found.cpu).toBeUndefined();
  expect(found.cases.length).toBeGreaterThan(2);
  expect(found.cases.length).toBeLessThan(found.allCases);
  expect(found.adapter?.limits.map(([name]) => name)).toContain('maxBufferSize');
});

test('a fault of the driver is part of what is found', async () => {
  vi.stubGlobal('navigator', {
    gpu: {
      requestAdapter: () =>
        Promise.resolve({
          info: { vendor: 'acme', architecture: '', device: '', description: '', isFallbackAdapter: false },
          features: new Set(['shader-f16']),
          limits: { maxBufferSize: 1 },
          requestDevice: () => Promise.reject(new TypeError('no device today')),
        }),
    },
  });
  const found = await testGpu(cpu);
  expect(found).toMatchObject({
    fault: 'no device today',
    adapter: { vendor: 'acme', features: ['shader-f16'], limits: [['maxBufferSize', 1]] },
  });
});
