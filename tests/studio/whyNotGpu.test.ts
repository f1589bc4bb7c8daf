import { expect, test } from 'vitest';
import { whyNotGpu } from '../../src/studio/session/makeEngine.ts';

const GPU = { name: 'A GPU', software: false };

test('a GPU is taken if it is measured to be faster than the CPU engine', () => {
  expect(whyNotGpu(GPU, { cpu: 20, webgpu: 900 })).toBeUndefined();
  expect(whyNotGpu(GPU, { cpu: 20, webgpu: 20.5 })).toBeUndefined();
});

test('a slower one is not, and both speeds are said', () => {
  expect(whyNotGpu(GPU, { cpu: 310, webgpu: 7.25 })).toBe(
    'The CPU engine is the faster one here: the GPU (A GPU) computes 7.3 GFLOP/s, the CPU engine 310.',
  );
  expect(whyNotGpu(GPU, { cpu: 310, webgpu: 7.25 }, 'float16')).toMatch(/The CPU engine stores weights in float32\.$/);
});

test('a software adapter is never taken, whatever was measured', () => {
  expect(whyNotGpu({ name: 'SwiftShader', software: true }, { cpu: 1, webgpu: 2 })).toBe(
    'The GPU adapter is a software one (SwiftShader): 2.0 GFLOP/s, the CPU engine 1.0.',
  );
});
