// What a GPU can do with this engine: `node --import tsx bench/gpu.ts [--peak TFLOPS] [--sides 1024,2048] [--small]`.
import { parseArgs } from 'node:util';
import { conform, TOLERANCE } from '../src/engines/conformance/conformance.ts';
import { RememberedHere } from '../src/engines/remembered.ts';
import { WebGpuEngine } from '../src/engines/webgpu/webgpuEngine.ts';
import type { RunTimes } from '../src/engines/webgpu/kernelTimes.ts';
import { Graph } from '../src/graph/graph.ts';
import { matmul } from '../src/graph/ops/matmul.ts';
import { plan } from '../src/graph/plan.ts';
import type { BertConfig } from '../src/models/config.ts';
import { prepareStep } from './speed/contenders/own.ts';
import { BERT, randomMatrix } from './speed/problems.ts';

const { values } = parseArgs({
  options: {
    /** Of the GPU at float32, in TFLOP/s, from its data sheet. */
    peak: { type: 'string' },
    sides: { type: 'string', default: '1024,2048,4096' },
    /** A step of the benchmark's small BERT instead of BERT-base's. */
    small: { type: 'boolean', default: false },
  },
});
const SIDES = values.sides.split(',').map(Number);
const PEAK = values.peak === undefined ? undefined : Number(values.peak);
const BASE: BertConfig = { ...BERT, vocabSize: 30_522, hiddenSize: 768, layers: 12, heads: 12, intermediateSize: 3072, maxPositions: 512 };
const BATCH = { batch: 8, sequence: 128, slots: 160 };

const started = performance.now();
const say = (words: string): void => console.log(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${words}`);

const remembered = new RememberedHere();
const engine = await WebGpuEngine.create({ timestamps: true, tuning: { remembered, milliseconds: 30_000 } });
say(`${engine.describe().detail}; the host hears of finished work after ${engine.latency.toFixed(2)} ms`);

const check = await engine.check(remembered);
say(`self-check: all right, ${check.milliseconds.toFixed(0)} ms with compiling`);
const plain = await WebGpuEngine.create();
const results = await conform(plain);
plain.dispose();
const wrong = results.filter(({ error }) => !(error < TOLERANCE));
say(
  `conformance: ${results.length - wrong.length} of ${results.length} cases agree, the worst by ${Math.max(...results.map(({ error }) => error)).toExponential(1)}`,
);
for (const { name, error, fault } of wrong) say(`  WRONG ${name}: ${fault ?? error.toExponential(2)}`);

for (const side of SIDES) {
  const graph = new Graph();
  graph.output('c', matmul(graph, graph.input('a', [side, side]), graph.input('b', [side, side])));
  const times = await timed(graph, (write) => {
    write('a', randomMatrix(side, side, 1));
    write('b', randomMatrix(side, side, 2));
  });
  const kernels = times.kernels.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const speed = (2 * side ** 3) / kernels / 1e9;
  const share = PEAK === undefined ? '' : `, ${((100 * speed) / PEAK).toFixed(0)} % of ${PEAK} TFLOP/s`;
  say(`product of ${side}^3: ${kernels.toFixed(2)} ms, ${speed.toPrecision(3)} TFLOP/s${share}`);
}
for (const { product, chosen, wrong: dropped } of engine.measurements)
  say(`  ${product}: ${chosen}${dropped.length === 0 ? '' : `; computed wrongly: ${dropped.join(', ')}`}`);

const { graph, fill } = prepareStep(BATCH, values.small ? BERT : BASE);
const program = await engine.compile(plan(graph, engine.planOptions));
fill(program);
const step = await program.times();
program.dispose();
const flops = step.kernels.reduce((sum, kernel) => sum + kernel.flops, 0);
say(
  `step of ${values.small ? 'a small BERT' : 'BERT-base'}, ${BATCH.batch} x ${BATCH.sequence} tokens: ${step.milliseconds.toFixed(1)} ms, the GPU busy ${(100 * step.busyShare).toFixed(0)} % of it, ${(flops / step.milliseconds / 1e9).toPrecision(3)} TFLOP/s of products, ${program.submissions} submissions`,
);
engine.dispose();
process.exit(wrong.length === 0 ? 0 : 1);

async function timed(graph: Graph, fill: (write: (name: string, data: Float32Array) => void) => void): Promise<RunTimes> {
  const program = await engine.compile(plan(graph, engine.planOptions));
  try {
    fill((name, data) => program.write(name, data));
    return await program.times();
  } finally {
    program.dispose();
  }
}
