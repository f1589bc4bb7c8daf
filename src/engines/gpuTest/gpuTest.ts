import { Graph } from '../../graph/graph.ts';
import { reduceSum } from '../../graph/ops/elementwise.ts';
import { add } from '../../graph/ops/layout.ts';
import { linear, matmul } from '../../graph/ops/matmul.ts';
import { transpose } from '../../graph/ops/view.ts';
import { plan } from '../../graph/plan.ts';
import { StudioError } from '../../tensor/studioError.ts';
import { conform, TOLERANCE, type CaseResult } from '../conformance/conformance.ts';
import { DeviceLostError } from '../deviceLost.ts';
import type { Engine } from '../engine.ts';
import { RememberedHere } from '../remembered.ts';
import { measureGflops } from '../speedTest.ts';
import { requestAdapter, summarise } from '../webgpu/gpuAccess.ts';
import { WebGpuEngine } from '../webgpu/webgpuEngine.ts';

export type GpuTestStage = 'checking operations' | 'measuring products' | 'comparing kernels' | 'measuring memory' | 'measuring the CPU';

/** What an adapter tells about itself, for people who have another one. */
export interface AdapterReport {
  readonly name: string;
  readonly software: boolean;
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** Sizes of its subgroups, smallest and largest; 0 if it does not say. */
  readonly subgroups: readonly [smallest: number, largest: number];
  readonly features: readonly string[];
  readonly limits: readonly (readonly [name: string, value: number])[];
}

/** Kernels that were timed for one matrix product, in GFLOP/s by the kernel's name; those that the device refuses have none. */
export interface KernelSpeeds {
  readonly product: string;
  readonly chosen: string;
  readonly gflops: readonly (readonly [kernel: string, gflops: number | undefined])[];
}

/** What a test found, as far as it came. */
export interface GpuFindings {
  /** Why there is no GPU to test. */
  readonly missing?: string | undefined;
  readonly adapter?: AdapterReport | undefined;
  /** How the engine describes itself. */
  readonly engine?: string | undefined;
  /** Milliseconds until the browser tells that a submission of nothing is done. */
  readonly completionMilliseconds?: number | undefined;
  /** What the check before any training says: nothing, or why this GPU is not used. */
  readonly selfCheck?: { readonly milliseconds: number; readonly wrong: string | undefined } | undefined;
  readonly cases: readonly CaseResult[];
  /** Number of cases that a whole test runs. */
  readonly allCases: number;
  /** A case is wrong if it differs by more. */
  readonly tolerance: number;
  /** Speed at f32 matrix products. */
  readonly gflops?: number | undefined;
  readonly kernels: readonly KernelSpeeds[];
  /** Bytes moved by an addition of long vectors, in GB/s. */
  readonly gigabytesPerSecond?: number | undefined;
  readonly cpu?: { readonly detail: string; readonly gflops: number } | undefined;
  /** What ended the test early, such as a lost device. */
  readonly fault?: string | undefined;
  readonly stopped: boolean;
  readonly seconds: number;
}

export interface GpuTestWatch {
  readonly progress?: (stage: GpuTestStage, done: number, total: number) => void;
  /** Ends the test soon; what was found until then is returned. */
  readonly signal?: AbortSignal;
}

/** Of each speed, compiling not included. */
const MILLISECONDS = 400;
/** A product that a slow GPU does in a moment, up to one that keeps a fast one busy. */
const SIDES = [256, 512, 1024] as const;
const PRODUCT_MILLISECONDS = 20;
const VECTOR = 2 ** 22;
/** The addition reads two vectors and writes one, and the sum that is waited for reads that one. */
const VECTOR_BYTES = 4 * 4 * VECTOR;

function reportOf(adapter: GPUAdapter): AdapterReport {
  const { info, features, limits } = adapter;
  const named: [string, number][] = [];
  // They are getters of the prototype, and each browser has its own list.
  for (const name in limits) {
    const value: unknown = Reflect.get(limits, name);
    if (typeof value === 'number') named.push([name, value]);
  }
  const { vendor, architecture, device, description, subgroupMinSize = 0, subgroupMaxSize = 0 } = info;
  return {
    ...summarise(adapter),
    vendor,
    architecture,
    device,
    description,
    subgroups: [subgroupMinSize, subgroupMaxSize],
    features: [...features].toSorted(),
    limits: named,
  };
}

/** What decides whether the studio trains on this GPU. */
async function selfCheck(engine: WebGpuEngine): Promise<GpuFindings['selfCheck']> {
  const begun = performance.now();
  try {
    return { milliseconds: (await engine.check(new RememberedHere())).milliseconds, wrong: undefined };
  } catch (error) {
    // What it refuses stands in the cases too, one by one.
    if (error instanceof DeviceLostError || !(error instanceof StudioError)) throw error;
    return { milliseconds: performance.now() - begun, wrong: error.message };
  }
}

/** Compiles the three forms of product that training has, so that the engine compares kernels for them. */
async function compareKernels(engine: WebGpuEngine, gflops: number, watch: GpuTestWatch): Promise<KernelSpeeds[]> {
  const side = SIDES.findLast((each) => (2 * each ** 3) / (gflops * 1e6) < PRODUCT_MILLISECONDS) ?? SIDES[0];
  const graph = new Graph();
  const [x, w, b] = [graph.input('x', [side, side]), graph.input('w', [side, side]), graph.input('b', [side])];
  graph.output('forward', linear(graph, x, w, b));
  graph.output('dX', matmul(graph, x, w));
  graph.output('dW', matmul(graph, transpose(graph, x), w));
  const program = await engine.compile(plan(graph, engine.planOptions), {
    progress: (_, done, total) => watch.progress?.('comparing kernels', done, total),
    ...(watch.signal === undefined ? {} : { signal: watch.signal }),
  });
  program.dispose();
  return engine.measurements.map(({ product, chosen, flops, times }) => ({
    product,
    chosen: kernelWords(chosen),
    gflops: [...times].map(([kernel, time]) => [kernelWords(kernel), time === undefined ? undefined : flops / time / 1e6] as const),
  }));
}

/** A tile's name for people: `quad 32x8, 16x1 threads, steps 8`. */
function kernelWords(name: string): string {
  const tile: unknown = JSON.parse(name);
  if (typeof tile !== 'object' || tile === null) return name;
  const { method, rows, columns, threadsX, threadsY, ...rest } = Object.fromEntries(Object.entries(tile));
  const more = Object.entries(rest).flatMap(([what, value]) => (value === 0 ? [] : [`${what} ${String(value)}`]));
  return [`${String(method)} ${String(rows)}x${String(columns)}`, `${String(threadsX)}x${String(threadsY)} threads`, ...more].join(', ');
}

/** @returns GB/s */
async function measureMemory(engine: Engine): Promise<number> {
  const graph = new Graph();
  graph.output('sum', reduceSum(graph, add(graph, graph.input('x', [VECTOR]), graph.input('y', [VECTOR]))));
  const program = await engine.compile(plan(graph, engine.planOptions));
  try {
    let spent = 0;
    // A wait takes up to 100 ms by itself in some browsers: as many runs before each as make it count little.
    for (let runs = 1; ; runs *= 2) {
      const begun = performance.now();
      for (let i = 0; i < runs; i++) await program.run();
      await program.read('sum');
      spent = performance.now() - begun;
      if (spent >= MILLISECONDS) return (VECTOR_BYTES * runs) / spent / 1e6;
    }
  } finally {
    program.dispose();
  }
}

/**
 * Everything that is worth knowing of a GPU nobody here has: whether every operation computes right, what the tuner measures and
 * how fast it is beside the CPU.
 *
 * @param makeCpu the engine to compare speeds with
 * @returns what was found, also where the test ended early by a fault or a stop
 */
export async function testGpu(makeCpu: () => Promise<Engine>, watch: GpuTestWatch = {}): Promise<GpuFindings> {
  const begun = performance.now();
  const found: { -readonly [name in keyof GpuFindings]: GpuFindings[name] } = {
    cases: [],
    allCases: 0,
    tolerance: TOLERANCE,
    kernels: [],
    stopped: false,
    seconds: 0,
  };
  const stopped = (): boolean => watch.signal?.aborted === true;
  let engine: WebGpuEngine | undefined;
  try {
    found.adapter = await requestAdapter().then(reportOf, (error: unknown) => {
      found.missing = error instanceof Error ? error.message : String(error);
      return undefined;
    });
    if (found.adapter !== undefined) {
      // Kernels that nobody measured yet, which every machine gets first; measuring them for a hundred small cases would take minutes.
      engine = await WebGpuEngine.create();
      found.engine = engine.describe().detail;
      found.completionMilliseconds = engine.latency;
      const { signal } = watch;
      found.cases = await conform(engine, undefined, {
        progress: (done, total) => {
          found.allCases = total;
          watch.progress?.('checking operations', done, total);
        },
        ...(signal === undefined ? {} : { signal }),
      });
      if (!stopped()) found.selfCheck = await selfCheck(engine);
      engine.dispose();
      engine = await WebGpuEngine.create({ tuning: { remembered: new RememberedHere() } });
      if (!stopped()) {
        watch.progress?.('measuring products', 0, 1);
        found.gflops = await measureGflops(engine, MILLISECONDS);
      }
      if (!stopped()) found.kernels = await compareKernels(engine, found.gflops ?? 1, watch);
      if (!stopped()) {
        watch.progress?.('measuring memory', 0, 1);
        found.gigabytesPerSecond = await measureMemory(engine);
      }
    }
    if (!stopped()) {
      watch.progress?.('measuring the CPU', 0, 1);
      const cpu = await makeCpu();
      found.cpu = { detail: cpu.describe().detail, gflops: await measureGflops(cpu, MILLISECONDS) };
      cpu.dispose();
    }
  } catch (error) {
    found.fault = error instanceof Error ? error.message : String(error);
  } finally {
    engine?.dispose();
  }
  return { ...found, stopped: stopped(), seconds: (performance.now() - begun) / 1000 };
}
