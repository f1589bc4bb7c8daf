import type { Node } from '../../src/graph/operation.ts';
import { plan } from '../../src/graph/plan.ts';
import { WasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { prepareStep } from './contenders/own.ts';
import { BATCH } from './problems.ts';

const PASSES = 5;

/** Where a training step's milliseconds go on the CPU engine, by kind of operation; products by their shape. */
export async function profileStep(threads: number): Promise<void> {
  const engine = await WasmEngine.create(threads);
  const { graph, fill } = prepareStep(BATCH);
  const program = await engine.compile(plan(graph, engine.planOptions));
  fill(program);
  for (let i = 0; i < PASSES; i++) await program.run();
  const sums = new Map<string, { milliseconds: number; count: number; flops: number }>();
  for (let i = 0; i < PASSES; i++)
    for (const { node, milliseconds } of program.profile()) {
      const label = labelOf(node);
      const { milliseconds: before, count, flops } = sums.get(label) ?? { milliseconds: 0, count: 0, flops: 0 };
      sums.set(label, { milliseconds: before + milliseconds / PASSES, count: count + 1 / PASSES, flops: flops + node.flops / PASSES });
    }
  const total = [...sums.values()].reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  console.log(`${engine.describe().detail}: ${total.toFixed(1)} ms a step, clock included`);
  console.log(`${'operation'.padEnd(36)}${'ms'.padStart(9)}${'share'.padStart(8)}${'count'.padStart(7)}${'GFLOP/s'.padStart(9)}`);
  for (const [label, { milliseconds, count, flops }] of [...sums].toSorted(([, a], [, b]) => b.milliseconds - a.milliseconds)) {
    const share = `${((100 * milliseconds) / total).toFixed(1)} %`;
    const speed = (flops / milliseconds / 1e6).toFixed(1);
    console.log(
      `${label.padEnd(36)}${milliseconds.toFixed(2).padStart(9)}${share.padStart(8)}${String(Math.round(count)).padStart(7)}${speed.padStart(9)}`,
    );
  }
  engine.dispose();
}

/** As in `matmul 128 x 128, k 2048, A^T B + C`. */
function labelOf({ operation, inputs, output }: Node): string {
  const [a, b] = inputs;
  if (operation.kind !== 'matmul' || a === undefined || b === undefined) return operation.kind;
  const side = (letter: string, contiguous: boolean): string => (contiguous ? letter : `${letter}^T`);
  const form = `${side('A', a.strides.at(-1) === 1)} ${side('B', b.strides.at(-1) === 1)}${operation.addend ? ' + C' : ''}`;
  return `matmul ${output.shape.join(' x ')}, k ${a.shape.at(-1) ?? 1}, ${form}`;
}
