// What a browser that tells of finished work every 100 ms does to this engine: `node --import tsx bench/lateNews.ts [--rounds 2]`.
// It runs on the GPU that Dawn finds in Node, or on Chromium's software one.
import { parseArgs } from 'node:util';
import { RememberedHere } from '../src/engines/remembered.ts';
import type { Measurement } from '../src/engines/webgpu/tuning/tileTuner.ts';
import { WebGpuEngine } from '../src/engines/webgpu/webgpuEngine.ts';
import { Graph } from '../src/graph/graph.ts';
import { matmul } from '../src/graph/ops/matmul.ts';
import { transpose } from '../src/graph/ops/view.ts';
import { plan } from '../src/graph/plan.ts';
import { hearLate } from '../tests/engines/lateNews.ts';
import { takeSoftwareGpu } from '../tests/engines/softwareGpu.ts';
import { prepareStep } from './speed/contenders/own.ts';
import { BERT } from './speed/problems.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '2' } } });
const TICK = 100;
/** [m, k, n] of a training step's products, and whether the second matrix is read transposed. */
const PRODUCTS = [
  [512, 384, 384, false],
  [512, 384, 384, true],
  [512, 384, 1536, false],
  [512, 1536, 384, false],
  [512, 1536, 384, true],
  [384, 512, 384, false],
  [1536, 512, 384, false],
  [256, 256, 256, false],
  [1024, 192, 768, false],
  [300, 200, 1000, true],
] as const;

function products(): Graph {
  const graph = new Graph();
  for (const [index, [m, k, n, flipped]] of PRODUCTS.entries()) {
    const b = flipped ? transpose(graph, graph.input(`b${index}`, [n, k])) : graph.input(`b${index}`, [k, n]);
    graph.output(`c${index}`, matmul(graph, graph.input(`a${index}`, [m, k]), b));
  }
  return graph;
}

/** What is measured with nothing remembered, and the least of {@link timedRuns}' ratios. */
async function measured(): Promise<ReadonlyMap<string, Measurement>> {
  const engine = await WebGpuEngine.create({ tuning: { remembered: new RememberedHere(), milliseconds: 600_000 } });
  const program = await engine.compile(plan(products(), engine.planOptions));
  program.dispose();
  const found = new Map(engine.measurements.map((measurement) => [measurement.product, measurement]));
  engine.dispose();
  return found;
}

/** Milliseconds of a program's first run and of its later ones; compiling is not in them. */
async function timedRuns(): Promise<{ readonly first: number; readonly later: number }> {
  const engine = await WebGpuEngine.create();
  const { graph, fill } = prepareStep({ batch: 8, sequence: 64, slots: 76 }, BERT);
  const program = await engine.compile(plan(graph, engine.planOptions));
  fill(program);
  const times: number[] = [];
  for (let i = 0; i < 4; i++) {
    const started = performance.now();
    await program.run();
    times.push(performance.now() - started);
  }
  program.dispose();
  engine.dispose();
  const [first = 0, ...later] = times;
  return { first, later: Math.min(...later) };
}

await takeSoftwareGpu();
for (let round = 1; round <= Number(values.rounds); round++) {
  const [prompt, again] = [await measured(), await measured()];
  const promptRuns = await timedRuns();
  const end = await hearLate(TICK);
  const late = await measured();
  const lateRuns = await timedRuns();
  end();

  let [same, sameAgain, near] = [0, 0, 0];
  for (const [product, { chosen, times }] of prompt) {
    const taken = late.get(product)?.chosen ?? '';
    const best = Math.min(...[...times.values()].map((time) => time ?? Infinity));
    const loss = (times.get(taken) ?? Infinity) / best;
    if (taken === chosen) same += 1;
    if (again.get(product)?.chosen === chosen) sameAgain += 1;
    if (loss < 1.1) near += 1;
    console.log(`  ${product}: ${taken === chosen ? 'the same kernel' : `another, ${loss.toFixed(2)} times as long without ticks`}`);
  }
  console.log(
    `round ${round}: ${same} of ${prompt.size} products get the same kernel with ticks of ${TICK} ms as without, ${sameAgain} in a second run without; ${near} one within a tenth of the fastest`,
  );
  for (const [name, { first, later }] of [
    ['at once', promptRuns],
    ['late', lateRuns],
  ] as const)
    console.log(`  heard ${name}: first run ${first.toFixed(0)} ms, later ${later.toFixed(0)} ms, ${(first / later).toFixed(2)} times`);
}
