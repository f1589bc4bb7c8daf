import { RememberedHere } from '../../src/engines/remembered.ts';
import { WebGpuEngine } from '../../src/engines/webgpu/webgpuEngine.ts';
import { plan } from '../../src/graph/plan.ts';
import { prepareStep } from './contenders/own.ts';
import { BATCH } from './problems.ts';

/** Where a training step's milliseconds go on the WebGPU engine, by the GPU's own clock, and how much of it the GPU is busy. */
export async function profileGpuStep(): Promise<void> {
  const engine = await WebGpuEngine.create({ timestamps: true, tuning: { remembered: new RememberedHere(), milliseconds: 20_000 } });
  const { graph, fill } = prepareStep(BATCH);
  const program = await engine.compile(plan(graph, engine.planOptions));
  fill(program);
  const { kernels, milliseconds, busyShare } = await program.times();
  const sums = new Map<string, { milliseconds: number; count: number; flops: number }>();
  for (const { label, milliseconds: each, flops } of kernels) {
    // The same kernel for the same shape; tensors have their numbers.
    const name = label.replace(/ \S+#\d+/, '');
    const sum = sums.get(name) ?? { milliseconds: 0, count: 0, flops: 0 };
    sums.set(name, { milliseconds: sum.milliseconds + each, count: sum.count + 1, flops: sum.flops + flops });
  }
  const total = kernels.reduce((sum, kernel) => sum + kernel.milliseconds, 0);
  console.log(
    `${engine.describe().detail}: ${milliseconds.toFixed(1)} ms a step, ${kernels.length} kernels of ${total.toFixed(1)} ms together, GPU busy ${(100 * busyShare).toFixed(0)} % of a step, ${program.submissions} submissions`,
  );
  console.log(`${'kernel'.padEnd(64)}${'ms'.padStart(9)}${'share'.padStart(8)}${'count'.padStart(7)}${'GFLOP/s'.padStart(9)}`);
  for (const [name, sum] of [...sums].toSorted(([, a], [, b]) => b.milliseconds - a.milliseconds)) {
    const share = `${((100 * sum.milliseconds) / total).toFixed(1)} %`;
    const speed = sum.flops === 0 ? '' : (sum.flops / sum.milliseconds / 1e6).toFixed(1);
    console.log(
      `${name.padEnd(64)}${sum.milliseconds.toFixed(2).padStart(9)}${share.padStart(8)}${String(sum.count).padStart(7)}${speed.padStart(9)}`,
    );
  }
  process.exit(0);
}
