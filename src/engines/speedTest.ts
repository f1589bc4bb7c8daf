import { Graph } from '../graph/graph.ts';
import { reduceSum } from '../graph/ops/elementwise.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { plan } from '../graph/plan.ts';
import type { Engine, Program } from './engine.ts';

/** Side of square products and how many a run computes, smallest first; a fast device goes on to the next. */
const SIZES = [
  { side: 256, count: 16 },
  { side: 768, count: 4 },
  { side: 2048, count: 4 },
  { side: 2048, count: 16 },
] as const;
/** A run shorter than this is launch time more than work. */
const SHORT_MILLISECONDS = 30;
/** All runs together take so many times as long as the host waits to hear of nothing. */
const WAITS = 5;
const MOST_RUNS = 1024;

/**
 * The engine's speed at f32 matrix products. Runs are handed over one behind another and waited for once, and what waiting takes is
 * no part of the time: some browsers look only ten times a second whether work is done.
 *
 * @param milliseconds how long to measure, compiling not included
 * @returns GFLOP/s, a multiplication and an addition counted as two
 */
export async function measureGflops(engine: Engine, milliseconds: number): Promise<number> {
  const wait = await waitForNothing(engine);
  let gflops = 0;
  for (const { side, count } of SIZES) {
    const graph = new Graph();
    const [a, b] = [graph.input('a', [side, side]), graph.input('b', [side, side])];
    // The sum makes a small thing to wait for; it costs a 2 side-th of the product.
    for (let i = 0; i < count; i++) graph.output(`sum ${i}`, reduceSum(graph, matmul(graph, a, b)));
    const program = await engine.compile(plan(graph, engine.planOptions));
    try {
      const numbers = Float32Array.from({ length: side * side }, (_, i) => ((i * 7919) % 1000) / 1000 - 0.5);
      program.write('a', numbers);
      program.write('b', numbers);
      await timeOf(program, 1);
      let runs = 1;
      let spent = await timeOf(program, runs);
      while (runs < MOST_RUNS && spent < Math.max(milliseconds / 2 + wait, WAITS * wait)) {
        runs *= 2;
        spent = await timeOf(program, runs);
      }
      // Of a wait for ticks, the longest was measured; work itself is never free.
      const busy = Math.max(spent - wait, spent / WAITS);
      gflops = (2 * side ** 3 * count * runs) / busy / 1e6;
      if (busy / runs > Math.max(SHORT_MILLISECONDS, wait)) break;
    } finally {
      program.dispose();
    }
  }
  return gflops;
}

/** Milliseconds of so many runs, one behind another, until the last one's result is here. */
async function timeOf(program: Program, runs: number): Promise<number> {
  const started = performance.now();
  for (let i = 0; i < runs; i++) await program.run();
  await program.read('sum 0');
  return performance.now() - started;
}

/** Milliseconds that the result of no work takes: the middle of three waits. */
async function waitForNothing(engine: Engine): Promise<number> {
  const graph = new Graph();
  graph.output('sum 0', reduceSum(graph, graph.input('a', [4])));
  const program = await engine.compile(plan(graph, engine.planOptions));
  try {
    // The first run does more than the others.
    await timeOf(program, 1);
    const waits: number[] = [];
    for (let i = 0; i < 3; i++) waits.push(await timeOf(program, 1));
    return waits.toSorted((x, y) => x - y)[1] ?? 0;
  } finally {
    program.dispose();
  }
}
