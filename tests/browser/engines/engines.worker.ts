import { expose } from 'comlink';
import { conform, type CaseResult } from '../../../src/engines/conformance/conformance.ts';
import { DeviceLostError } from '../../../src/engines/deviceLost.ts';
import type { Engine } from '../../../src/engines/engine.ts';
import { WasmEngine } from '../../../src/engines/wasm/wasmEngine.ts';
import { WebGpuEngine } from '../../../src/engines/webgpu/webgpuEngine.ts';
import { Graph } from '../../../src/graph/graph.ts';
import { matmul } from '../../../src/graph/ops/matmul.ts';
import { plan } from '../../../src/graph/plan.ts';
import { goldenTraining, type GoldenTrainingErrors } from '../../wid/goldenTraining.ts';

export type EngineUnderTest = 'webgpu' | 'webgpu at default limits' | 'cpu';

/** What the test calls. A worker, as in the studio: the CPU engine's threads may not be waited for on a page. */
export interface EnginePage {
  describe(name: EngineUnderTest): Promise<string>;
  /** Every case against the reference engine in this page. */
  conformance(name: EngineUnderTest): Promise<readonly CaseResult[]>;
  /** @param files the golden files that it reads, as text of base64 by path */
  training(name: EngineUnderTest, files: Readonly<Record<string, string>>): Promise<GoldenTrainingErrors>;
  /** Code of the error that a run gives whose device was destroyed under it, and whether the next run gives the same. */
  loss(): Promise<{ readonly first: string; readonly second: string; readonly anew: boolean }>;
}

function make(name: EngineUnderTest): Promise<Engine> {
  return name === 'cpu' ? WasmEngine.create(2) : WebGpuEngine.create({ plain: name === 'webgpu at default limits' });
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (letter) => letter.codePointAt(0) ?? 0);
}

async function codeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return 'none';
  } catch (error) {
    return error instanceof DeviceLostError ? error.code : String(error);
  }
}

const engines: EnginePage = {
  async describe(name) {
    const engine = await make(name);
    const { detail } = engine.describe();
    engine.dispose();
    return detail;
  },
  async conformance(name) {
    const engine = await make(name);
    const results = await conform(engine);
    engine.dispose();
    return results;
  },
  async training(name, files) {
    const engine = await make(name);
    const errors = await goldenTraining(engine, (path) => Promise.resolve(bytesOf(files[path] ?? '')));
    engine.dispose();
    return errors;
  },
  async loss() {
    const engine = await WebGpuEngine.create();
    const graph = new Graph();
    graph.output('c', matmul(graph, graph.input('a', [64, 64]), graph.input('b', [64, 64])));
    const program = await engine.compile(plan(graph, engine.planOptions));
    program.write('a', new Float32Array(64 * 64).fill(1));
    program.write('b', new Float32Array(64 * 64).fill(1));
    await program.run();
    engine.loseDevice();
    const step = async (): Promise<void> => {
      await program.run();
      await program.read('c');
    };
    const first = await codeOf(step);
    const second = await codeOf(step);
    const next = await WebGpuEngine.create();
    const again = await next.compile(plan(graph, next.planOptions));
    again.write('a', new Float32Array(64 * 64).fill(1));
    again.write('b', new Float32Array(64 * 64).fill(2));
    await again.run();
    const anew = (await again.read('c')).every((value) => value === 128);
    next.dispose();
    return { first, second, anew };
  },
};
expose(engines);
