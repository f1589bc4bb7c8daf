import { requestAdapter, summarise } from '../../../src/engines/webgpu/gpuAccess.ts';
import type { Contender, Job } from '../contender.ts';
import { FMA, type Problem } from '../problems.ts';

const USAGE = { mapRead: 1, copySource: 4, copyTarget: 8, storage: 0x80 } as const;
const MAP_READ = 1;
const GROUP = 64;
const TRIALS = 3;

/** Chains of fused multiply-adds without memory: `sums` of them a thread, the same work whatever their number. */
function shader(sums: number): string {
  const numbers = Array.from({ length: sums }, (_, i) => i);
  const round = numbers.map((i) => `s${i} = fma(s${i}, x, y);`).join(' ');
  return `@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(${GROUP})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let x = f32(id.x) * 1e-9 + 0.999;
  let y = 1e-6;
  ${numbers.map((i) => `var s${i} = f32(${i});`).join(' ')}
  for (var k = 0u; k < ${FMA.rounds}u; k++) {
    ${Array.from({ length: FMA.products / sums }, () => round).join('\n    ')}
  }
  out[id.x] = ${numbers.map((i) => `s${i}`).join(' + ')};
}`;
}

/** What an adapter can do at most: the peak that kernels are measured against. The best number of sums is taken. */
export async function fmaPeakContender(): Promise<Contender> {
  const adapter = await requestAdapter();
  return {
    detail: summarise(adapter).name,
    async prepare(problem: Problem): Promise<Job | null> {
      if (problem.kind !== 'fma') return null;
      const device = await adapter.requestDevice();
      const buffer = device.createBuffer({ size: FMA.threads * 4, usage: USAGE.storage | USAGE.copySource });
      let best: { readonly sums: number; readonly run: (times: number) => Promise<void>; readonly milliseconds: number } | undefined;
      for (const sums of FMA.sums) {
        const run = await runner(device, buffer, sums);
        await run(1);
        let milliseconds = Infinity;
        for (let trial = 0; trial < TRIALS; trial++) {
          const started = performance.now();
          await run(1);
          milliseconds = Math.min(milliseconds, performance.now() - started);
        }
        if (milliseconds < (best?.milliseconds ?? Infinity)) best = { sums, run, milliseconds };
      }
      if (best === undefined) return null;
      const { sums, run } = best;
      return {
        run,
        async output() {
          await run(1);
          return [sums, ...(await contents(device, buffer))];
        },
        dispose: () => device.destroy(),
      };
    },
  };
}

async function runner(device: GPUDevice, buffer: GPUBuffer, sums: number): Promise<(times: number) => Promise<void>> {
  const module = device.createShaderModule({ code: shader(sums) });
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint: 'main' } });
  const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer } }] });
  return async (times) => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    for (let i = 0; i < times; i++) pass.dispatchWorkgroups(FMA.threads / GROUP);
    pass.end();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
  };
}

async function contents(device: GPUDevice, buffer: GPUBuffer): Promise<Float32Array> {
  const staging = device.createBuffer({ size: buffer.size, usage: USAGE.copyTarget | USAGE.mapRead });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(MAP_READ);
  const data = new Float32Array(staging.getMappedRange().slice(0));
  staging.destroy();
  return data;
}
