import { Graph } from '../graph/graph.ts';
import { reduceSum } from '../graph/ops/elementwise.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { plan } from '../graph/plan.ts';
import type { Engine } from './engine.ts';

/** Sides of the square products, smallest first; a fast device goes on to the next. */
const SIDES = [256, 768, 2048];
/** A run shorter than this is launch time more than work. */
const SHORT_MILLISECONDS = 4;

/**
 * The engine's speed at f32 matrix products.
 *
 * @param milliseconds how long to measure, compiling not included
 * @returns GFLOP/s, a multiplication and an addition counted as two
 */
export async function measureGflops(engine: Engine, milliseconds: number): Promise<number> {
  let gflops = 0;
  for (const side of SIDES) {
    const graph = new Graph();
    const [a, b] = [graph.input('a', [side, side]), graph.input('b', [side, side])];
    // The sum makes a small thing to wait for; it costs a 2 side-th of the product.
    graph.output('sum', reduceSum(graph, matmul(graph, a, b)));
    const program = await engine.compile(plan(graph, engine.planOptions));
    try {
      const numbers = Float32Array.from({ length: side * side }, (_, i) => ((i * 7919) % 1000) / 1000 - 0.5);
      program.write('a', numbers);
      program.write('b', numbers);
      await program.run();
      await program.read('sum');
      const started = performance.now();
      let runs = 0;
      let spent = 0;
      while (spent < milliseconds / 2) {
        await program.run();
        await program.read('sum');
        runs += 1;
        spent = performance.now() - started;
      }
      gflops = (2 * side ** 3 * runs) / spent / 1e6;
      if (spent / runs > SHORT_MILLISECONDS) break;
    } finally {
      program.dispose();
    }
  }
  return gflops;
}
