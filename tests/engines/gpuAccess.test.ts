// Which GPU is asked for, what an adapter is called and remembered by, and whether its subgroups are what it reports.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { DeviceOwner } from '../../src/engines/webgpu/deviceOwner.ts';
import { identify, requestAdapter, summarise, type AdapterFacts } from '../../src/engines/webgpu/gpuAccess.ts';
import { isOneSubgroup, provenSubgroupSize } from '../../src/engines/webgpu/subgroupProbe.ts';
import { takeSoftwareGpu } from './softwareGpu.ts';

afterEach(() => void vi.unstubAllGlobals());

const EMPTY = { vendor: '', architecture: '', device: '', description: '', isFallbackAdapter: false };

/** An adapter as Firefox describes one. */
function unnamed(limits: AdapterFacts['limits'], features: readonly string[] = []): AdapterFacts {
  return { info: EMPTY, limits, features: new Set(features) };
}

test('navigator.gpu is used wherever it exists, in processes that look like Node too', async () => {
  const adapter = {};
  const requests: unknown[] = [];
  vi.stubGlobal('navigator', {
    gpu: {
      requestAdapter: (options: unknown) => {
        requests.push(options);
        return Promise.resolve(adapter);
      },
    },
  });
  expect(await requestAdapter()).toBe(adapter);
  expect(requests).toStrictEqual([{ powerPreference: 'high-performance' }]);
});

describe('an adapter without a name', () => {
  test('is called so', () => {
    expect(summarise(unnamed({})).name).toBe('GPU (this browser does not name it)');
  });

  test('is told apart by its limits and features', () => {
    const first = unnamed({ maxBufferSize: 2 ** 30 }, ['timestamp-query', 'shader-f16']);
    const same = unnamed({ maxBufferSize: 2 ** 30 }, ['shader-f16', 'timestamp-query']);
    const others = [unnamed({ maxBufferSize: 2 ** 31 }, ['timestamp-query', 'shader-f16']), unnamed({ maxBufferSize: 2 ** 30 })];
    expect(identify(same)).toBe(identify(first));
    expect(new Set([first, ...others].map(identify)).size).toBe(3);
  });

  test('one with a name goes by that alone', () => {
    const named = { ...unnamed({ maxBufferSize: 2 ** 30 }), info: { ...EMPTY, vendor: 'acme', device: 'one' } };
    expect(identify(named)).toBe(`acme, one, Node ${process.versions.node}`);
  });
});

describe('subgroups', () => {
  test('are believed only if every workgroup was one, each lane once', () => {
    const twoGroups = (sum: number, lanes: readonly number[]): Uint32Array =>
      Uint32Array.from([...lanes, 3, 2, 1, 0].flatMap((lane) => [sum, lane]));
    expect(isOneSubgroup(twoGroups(4, [0, 1, 2, 3]), 4)).toBe(true);
    expect(isOneSubgroup(twoGroups(2, [0, 1, 2, 3]), 4)).toBe(false);
    expect(isOneSubgroup(twoGroups(4, [0, 1, 0, 1]), 4)).toBe(false);
    expect(isOneSubgroup(twoGroups(4, [0, 1, 2, 4]), 4)).toBe(false);
  });

  test('of a size that the driver reports and does not have are not used', async ({ skip }) => {
    await takeSoftwareGpu();
    const adapter = await requestAdapter();
    const { subgroupMinSize, subgroupMaxSize } = adapter.info;
    if (!adapter.features.has('subgroups') || subgroupMinSize !== subgroupMaxSize) skip('its subgroups have several sizes');
    const owner = new DeviceOwner(await adapter.requestDevice({ requiredFeatures: ['subgroups'] }));
    try {
      expect(await provenSubgroupSize(owner, subgroupMinSize)).toBe(subgroupMinSize);
      expect(await provenSubgroupSize(owner, 2 * subgroupMinSize)).toBe(0);
      expect(await provenSubgroupSize(owner, 0)).toBe(0);
    } finally {
      owner.dispose();
    }
  });
});
