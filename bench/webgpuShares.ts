// `npx tsx bench/webgpuShares.ts`: what share of the adapter's FMA peak the WebGPU engine reaches, in Node. A software
// adapter shares the processor with everything else, so seconds of processor time are told beside seconds.
import { Graph } from '../src/graph/graph.ts';
import { matmul } from '../src/graph/ops/matmul.ts';
import { plan } from '../src/graph/plan.ts';
import { requestAdapter } from '../src/engines/webgpu/gpuAccess.ts';
import { WebGpuEngine } from '../src/engines/webgpu/webgpuEngine.ts';
import { takeSoftwareGpu } from '../tests/engines/softwareGpu.ts';
import { trainingStep } from './speed/contenders/own.ts';
import { BATCH, flopsOf, randomMatrix } from './speed/problems.ts';

interface Rate {
  /** GFLOP/s of the fastest repetition. */
  readonly wall: number;
  /** GFLOP per second of processor time. */
  readonly processor: number;
}

const REPETITIONS = 5;
const STORAGE = 0x80;
const INVOCATIONS = 8192;
const ROUNDS = 1000;

async function rateOf(flops: number, work: () => Promise<void>): Promise<Rate> {
  await work();
  let wall = 0;
  let processor = 0;
  for (let i = 0; i < REPETITIONS; i++) {
    const used = process.cpuUsage();
    const before = performance.now();
    await work();
    wall = Math.max(wall, flops / (performance.now() - before) / 1e6);
    const { user, system } = process.cpuUsage(used);
    processor = Math.max(processor, flops / (user + system) / 1e3);
  }
  return { wall, processor };
}

/** Chains of fused multiply-adds without memory. */
function peakShader(chains: number): string {
  const numbers = Array.from({ length: chains }, (_, i) => i);
  const round = numbers.map((i) => `s${i} = fma(s${i}, x, y);`).join(' ');
  return `@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let x = f32(id.x) * 1e-9 + 0.999;
  let y = 1e-6;
  ${numbers.map((i) => `var s${i} = f32(${i});`).join(' ')}
  for (var k = 0u; k < ${ROUNDS}u; k++) {
    ${Array.from({ length: 64 / chains }, () => round).join('\n    ')}
  }
  out[id.x] = ${numbers.map((i) => `s${i}`).join(' + ')};
}`;
}

async function peak(): Promise<Rate> {
  const device = await (await requestAdapter()).requestDevice();
  const buffer = device.createBuffer({ size: INVOCATIONS * 4, usage: STORAGE });
  let best: Rate = { wall: 0, processor: 0 };
  for (const chains of [4, 8, 16, 32]) {
    const module = device.createShaderModule({ code: peakShader(chains) });
    const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint: 'main' } });
    const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer } }] });
    const rate = await rateOf(2 * 64 * ROUNDS * INVOCATIONS, async () => {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(INVOCATIONS / 64);
      pass.end();
      device.queue.submit([encoder.finish()]);
      await device.queue.onSubmittedWorkDone();
    });
    best = { wall: Math.max(best.wall, rate.wall), processor: Math.max(best.processor, rate.processor) };
  }
  device.destroy();
  return best;
}

async function product(engine: WebGpuEngine, shape: readonly [number, number, number, number]): Promise<Rate> {
  const [batch, m, n, k] = shape;
  const graph = new Graph();
  const one = batch === 1;
  graph.input('mark', [1]);
  graph.output('c', matmul(graph, graph.input('a', one ? [m, k] : [batch, m, k]), graph.input('b', one ? [k, n] : [batch, k, n])));
  const program = await engine.compile(plan(graph, engine.planOptions));
  program.write('a', randomMatrix(batch * m, k, 1));
  program.write('b', randomMatrix(batch * k, n, 2));
  // Several at once where one is short, so that handing over is not what is measured.
  const flops = 2 * batch * m * n * k;
  const times = Math.max(1, Math.round(2e8 / flops));
  const rate = await rateOf(flops * times, async () => {
    for (let i = 0; i < times; i++) await program.run();
    await program.read('mark');
  });
  program.dispose();
  return rate;
}

function line(name: string, rate: Rate, of: Rate): void {
  const share = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(0)} %`;
  console.log(
    `${name.padEnd(40)} ${rate.wall.toFixed(2).padStart(8)} GFLOP/s (${share(rate.wall, of.wall)}), ` +
      `${rate.processor.toFixed(2)} a processor second (${share(rate.processor, of.processor)})`,
  );
}

await takeSoftwareGpu();
const engine = await WebGpuEngine.create();
console.log(`${engine.describe().detail}; shares of the FMA peak, the step's of the largest product`);
const fma = await peak();
line('fma, best of 4 to 32 sums', fma, fma);
const SHAPES = [
  [1, 1024, 768, 768],
  [1, 2048, 128, 128],
  [1, 2048, 128, 512],
  [64, 128, 128, 32],
  [64, 128, 32, 128],
] as const;
let large: Rate = fma;
for (const shape of SHAPES) {
  const rate = await product(engine, shape);
  if (shape === SHAPES[0]) large = rate;
  const [batch, m, n, k] = shape;
  line(`${batch} x (${m} x ${k} x ${n})`, rate, fma);
}
const step = await trainingStep(engine, BATCH);
await step.output();
line('training step', await rateOf(flopsOf({ kind: 'step' }), () => step.run(1)), large);
process.exit(0);
