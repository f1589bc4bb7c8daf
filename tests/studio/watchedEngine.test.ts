import { expect, test } from 'vitest';
import { RememberedHere } from '../../src/engines/remembered.ts';
import { WebGpuEngine } from '../../src/engines/webgpu/webgpuEngine.ts';
import { Graph } from '../../src/graph/graph.ts';
import { matmul } from '../../src/graph/ops/matmul.ts';
import { plan } from '../../src/graph/plan.ts';
import { watchedEngine } from '../../src/studio/session/watchedEngine.ts';
import type { StudioEvent } from '../../src/studio/api/run.ts';
import { takeSoftwareGpu } from '../engines/softwareGpu.ts';

/** What is said while one product is compiled. */
async function stages(signal: AbortSignal): Promise<string[]> {
  const engine = await WebGpuEngine.create({ tuning: { remembered: new RememberedHere() } });
  const events: StudioEvent[] = [];
  const watched = watchedEngine(engine, (event) => events.push(event), signal);
  const graph = new Graph();
  graph.output('c', matmul(graph, graph.input('a', [96, 96]), graph.input('b', [96, 96])));
  const program = await watched.compile(plan(graph, watched.planOptions));
  program.dispose();
  watched.dispose();
  return events.flatMap((event) => (event.kind === 'progress' ? [`${event.stage}, ${event.done} of ${event.total}`] : []));
}

test('measuring and compiling are told as progress, and a stop ends measuring', async () => {
  await takeSoftwareGpu();
  const told = await stages(new AbortController().signal);
  expect(told.slice(0, 2)).toEqual(['Measuring GPU kernels, 0 of 1', 'Measuring GPU kernels, 1 of 1']);
  // Stopped before it began: nothing is measured, so the likeliest kernel has to be compiled.
  const stopped = await stages(AbortSignal.abort());
  expect(stopped).not.toContain('Measuring GPU kernels, 0 of 1');
  expect(stopped.at(-1)).toBe('Compiling GPU kernels, 1 of 1');
});
