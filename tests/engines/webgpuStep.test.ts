import { beforeAll, describe, expect, test } from 'vitest';
import { prepareStep, trainingStep } from '../../bench/speed/contenders/own.ts';
import { BATCH, BERT, COMPARED_STEPS, relativeDifference } from '../../bench/speed/problems.ts';
import { WebGpuEngine } from '../../src/engines/webgpu/webgpuEngine.ts';
import { plan } from '../../src/graph/plan.ts';
import { takeSoftwareGpu } from './softwareGpu.ts';

describe('a training step on WebGPU', () => {
  beforeAll(takeSoftwareGpu);

  // Every dispatch costs a launch, 10 microseconds on a GPU and 200 on a software one. Today 259; lower the bound when fusing more.
  test('starts no more kernels than it is known to need, and is handed over in pieces from the first run on', async () => {
    const engine = await WebGpuEngine.create();
    const { graph, fill } = prepareStep(BATCH);
    const program = await engine.compile(plan(graph, engine.planOptions));
    expect(program.dispatchCount).toBeLessThanOrEqual(264);
    fill(program);
    await program.run();
    // Seconds of work where a processor plays the GPU: neither all at once, nor kernel by kernel.
    expect(program.submissions).toBeGreaterThan(2);
    expect(program.submissions).toBeLessThan(program.dispatchCount / 2);
    program.dispose();
    engine.dispose();
  });

  test('gives the same losses where its tensors are larger than what can be bound at once', async () => {
    const small = { batch: 2, sequence: 32, slots: 12 };
    const bindingBytes = 2 ** 20;
    expect(BERT.vocabSize * BERT.hiddenSize * 4).toBeGreaterThan(bindingBytes);
    const losses: ArrayLike<number>[] = [];
    const counts: number[] = [];
    for (const options of [{}, { bindingBytes }]) {
      const engine = await WebGpuEngine.create(options);
      const program = await engine.compile(plan(prepareStep(small).graph, engine.planOptions));
      counts.push(program.dispatchCount);
      program.dispose();
      losses.push(await (await trainingStep(engine, small)).output());
      engine.dispose();
    }
    const [whole = [], cut = []] = losses;
    expect(whole).toHaveLength(COMPARED_STEPS);
    expect(counts[1], 'the cut step has more parts').toBeGreaterThan(counts[0] ?? 0);
    // Float32 sums over the vocabulary in another order.
    expect(relativeDifference(cut, whole)).toBeLessThan(1e-5);
  });
});
