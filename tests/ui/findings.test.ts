// What the page that tests a GPU says of what was found.
import { expect, test } from 'vitest';
import type { GpuReport } from '../../src/state/gpuTest.ts';
import { reportText, slowness, verdict } from '../../src/ui/gpu/findings.ts';

const ADAPTER = {
  name: 'acme one',
  software: false,
  vendor: 'acme',
  architecture: '',
  device: '',
  description: 'acme one',
  subgroups: [8, 32],
  features: ['shader-f16'],
  limits: [['maxBufferSize', 1024]],
} as const;
const RIGHT: GpuReport = {
  version: '1.2.3',
  date: '2026-12-01',
  adapter: ADAPTER,
  engine: 'acme one, subgroups',
  completionMilliseconds: 0.1,
  selfCheck: { milliseconds: 40, wrong: undefined },
  cases: [
    { name: 'gelu of 3', tensors: 2, error: 1e-7, fault: undefined },
    { name: 'softmax of 17', tensors: 2, error: 2e-7, fault: undefined },
  ],
  allCases: 2,
  tolerance: 5e-6,
  gflops: 400,
  kernels: [
    {
      product: 'A B',
      chosen: 'registers 8x8',
      gflops: [
        ['registers 8x8', 400],
        ['workgroup', 300],
      ],
    },
  ],
  gigabytesPerSecond: 100,
  cpu: { detail: 'WebAssembly', gflops: 50 },
  stopped: false,
  seconds: 12,
};
const AT = { browser: 'Firefox/153', isolated: true, cores: 8 };

test('a GPU that is right and fast is praised with both speeds, a slower one is not', () => {
  expect(verdict(RIGHT)).toEqual({
    good: true,
    words: 'All 2 operations are right. The GPU is 8.0 times as fast as the CPU: 400 GFLOP/s at matrix products, the CPU engine 50.',
  });
  expect(verdict({ ...RIGHT, gflops: 20 }).words).toContain('the GPU is slower than the CPU');
  expect(verdict({ ...RIGHT, adapter: { ...ADAPTER, software: true } }).words).toContain('a processor that plays a GPU');
  expect(slowness(RIGHT)).toEqual([]);
});

test('wrong numbers and refused kernels outweigh speed, and stand in the text with their errors', () => {
  const wrong: GpuReport = {
    ...RIGHT,
    cases: [
      { name: 'gelu of 3', tensors: 2, error: 0.5, fault: undefined },
      { name: 'softmax of 17', tensors: 0, error: Infinity, fault: 'webgpu: kernel softmax — no' },
      { name: 'add of 3', tensors: 1, error: Number.NaN, fault: undefined },
    ],
    allCases: 3,
  };
  expect(verdict(wrong).good).toBe(false);
  expect(verdict(wrong).words).toContain('3 of 3 operations are wrong');
  const text = reportText(wrong, AT);
  expect(text).toContain('- WRONG: gelu of 3: 5.0e-1\n');
  expect(text).toContain('- WRONG: softmax of 17: no number: webgpu: kernel softmax — no\n');
  expect(text).toContain('- WRONG: add of 3: no number\n');
});

test('the text has browser, adapter, features, limits, speeds, kernels and every error', () => {
  const text = reportText(RIGHT, AT);
  for (const words of [
    'WID Studio 1.2.3, 2026-12-01',
    'Firefox/153',
    'acme / (empty) / (empty) / acme one; subgroups 8 to 32',
    'shader-f16',
    'maxBufferSize 1024',
    '400 GFLOP/s',
    '100 GB/s',
    'CPU engine: 50 GFLOP/s (WebAssembly)',
    'A B: registers 8x8 (chosen): 400; workgroup: 300',
    'gelu of 3: 1.0e-7',
    'worst 2.0e-7 (softmax of 17)',
    'Check before training: right, 40 ms',
  ])
    expect(text).toContain(words);
});

test('no GPU, a stop and a fault are told apart', () => {
  const none: GpuReport = {
    ...RIGHT,
    missing: 'webgpu: this browser has no WebGPU.',
    adapter: undefined,
    cases: [],
    allCases: 0,
    kernels: [],
  };
  expect(verdict(none).words).toBe('There is no GPU to test. webgpu: this browser has no WebGPU.');
  expect(reportText({ ...none, gflops: undefined }, AT)).toContain('this browser has no WebGPU');
  const stopped: GpuReport = { ...RIGHT, stopped: true, allCases: 125, gflops: undefined };
  expect(verdict(stopped).words).toBe('Stopped. 2 of 125 operations were checked, and all of them are right.');
  expect(verdict({ ...RIGHT, fault: 'webgpu: the device was lost.' }).words).toContain(
    'The test ended early: webgpu: the device was lost.',
  );
});

test('a GPU that the check before training refuses is not praised', () => {
  const refused: GpuReport = { ...RIGHT, selfCheck: { milliseconds: 40, wrong: 'webgpu: 3 is 4.' } };
  expect(verdict(refused)).toEqual({ good: false, words: 'The studio does not train on this GPU: webgpu: 3 is 4. Please report this.' });
  expect(reportText(refused, AT)).toContain('Check before training: webgpu: 3 is 4., 40 ms');
});

test('late completion and refused kernels are told as what makes a GPU slow', () => {
  const notes = slowness({
    ...RIGHT,
    completionMilliseconds: 98.7,
    kernels: [
      {
        product: 'A B',
        chosen: 'workgroup',
        gflops: [
          ['workgroup', 1],
          ['registers 8x8', undefined],
        ],
      },
    ],
  });
  expect(notes).toEqual([
    'This browser tells of finished work only every 99 ms, so speeds are coarse.',
    'Kernels that this GPU refuses: registers 8x8 for A B.',
  ]);
});
