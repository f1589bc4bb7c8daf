import { plan, type Plan, type PlanOptions } from '../../graph/plan.ts';
import { placeInSlabs, type SlabPlacement } from './slabs.ts';
import { sizeInWords } from '../../tensor/bytes.ts';
import { formatShape } from '../../tensor/shape.ts';
import type { CompileWatch, Engine, EngineDescription, EngineLimits } from '../engine.ts';
import type { Remembered } from '../remembered.ts';
import { checkGraph } from '../selfCheck/checkGraph.ts';
import { firstWrongNumber, wrongInWords } from '../selfCheck/selfCheck.ts';
import { withConstants } from '../withConstants.ts';
import { WrongNumbersError } from '../wrongNumbers.ts';
import { bindDispatches } from './binding.ts';
import { DeviceOwner, USAGE } from './deviceOwner.ts';
import { UNIFORM_BYTES, type BufferPlace } from './dispatch.ts';
import { halvesOf } from './halves.ts';
import { hashOf } from './hashOf.ts';
import { identify, inTurn, requestAdapter, summarise, type AdapterSummary } from './gpuAccess.ts';
import { Lowering, type DeviceTraits } from './lower/lowering.ts';
import { lowerNode } from './lower/lowerNode.ts';
import type { MatmulTile } from './matmul/form.ts';
import { candidateTiles } from './matmul/candidates.ts';
import { completionLatency } from './latency.ts';
import type { DevicePace } from './pacing.ts';
import { Pipelines } from './pipelines.ts';
import { ProgramMemory } from './programMemory.ts';
import { provenSubgroupSize } from './subgroupProbe.ts';
import { needTile, problemName, productsOf, type Candidates } from './tuning/products.ts';
import { TileTuner, type Measurement, type Tuning } from './tuning/tileTuner.ts';
import { WebGpuProgram } from './webgpuProgram.ts';

export type WeightStorage = 'float32' | 'float16';

export interface WebGpuOptions {
  /** Ask for no more than every WebGPU device has, and use no optional feature: for tests of the lowest common device. */
  readonly plain?: boolean;
  /** Bind at most this many bytes at once, below the device's own limit: for tests of tensors that do not fit. */
  readonly bindingBytes?: number;
  /** Give a dispatch at most this many operations of a product: for tests of products that are cut. */
  readonly dispatchFlops?: number;
  /** Take this kernel for every matrix product: for tests of those that this adapter would not choose. */
  readonly tile?: MatmulTile;
  /**
   * Measure matrix kernels on first use and keep what won. Without it the likeliest kernel is taken unmeasured, so that
   * numbers are the same to the last bit on every first use.
   */
  readonly tuning?: Tuning;
  /**
   * How weights are stored that a program only reads: in half precision on adapters with `shader-f16`, in float32 on others.
   * All arithmetic is float32. Without it everything is stored in float32.
   */
  readonly storage?: WeightStorage;
  /** Ask for the GPU's own clock, where the adapter has one: for `WebGpuProgram.times`. */
  readonly timestamps?: boolean;
}

/** How a device was compared with the reference engine. */
export interface CheckReport {
  /** Of all of it: compiling, most of the time. */
  readonly milliseconds: number;
  /** Whether it was compared before: then nothing was run. */
  readonly remembered: boolean;
}

/** A plan as dispatches. */
interface Lowered {
  readonly placement: SlabPlacement;
  readonly memory: ProgramMemory;
  readonly lowering: Lowering;
}

/** What is remembered of a device that computes as the reference engine does. */
const RIGHT = 'right';

const ALIGNMENT = 256;
/** Of one dispatch, at most: 50 ms of a slow GPU's time at 300 GFLOP/s, in which the page cannot be drawn. */
export const DISPATCH_FLOPS = 15e9;
/** Element numbers in kernels are u32, and some drivers fail beyond 2 GiB in one buffer. */
const MOST_BINDING_BYTES = 2 ** 31 - ALIGNMENT;
/** Of a slab that tensors share: a card of 4 GB rarely has 2 GiB in one piece. */
const SLAB_BYTES = 2 ** 29;

/** The largest tensor of every slab, in words, for messages. */
function largestTensors(plan: Plan, { pieces }: SlabPlacement): ReadonlyMap<number, string> {
  const largest = new Map<number, { readonly elements: number; readonly words: string }>();
  for (const value of [...plan.inputs.values(), ...plan.states.values(), ...plan.nodes.map(({ output }) => output)])
    for (const { slab, count } of pieces.get(value.storage.id) ?? [])
      if (count > (largest.get(slab)?.elements ?? 0))
        largest.set(slab, { elements: count, words: `${value.storage.label} ${formatShape(value.shape)}` });
  return new Map([...largest].map(([slab, { words }]) => [slab, words]));
}

/** The WebGPU engine: WGSL kernels on a GPU, in a browser or in Node. */
export class WebGpuEngine implements Engine {
  readonly planOptions: PlanOptions = { alignment: ALIGNMENT, inPlace: false };
  readonly limits: EngineLimits;
  readonly adapter: AdapterSummary;
  /** Adapter, driver and what WebGPU runs in: what is measured here holds for all of it together. */
  readonly identity: string;
  readonly #owner: DeviceOwner;
  readonly #pipelines: Pipelines;
  readonly #pace: DevicePace;
  readonly #traits: DeviceTraits;
  readonly #candidates: Candidates;
  readonly #tuner: TileTuner | undefined;
  /** As it was asked for. */
  readonly #storage: WeightStorage;

  private constructor(
    owner: DeviceOwner,
    adapter: GPUAdapter,
    traits: DeviceTraits,
    latency: number,
    { tile, tuning, storage = 'float32' }: WebGpuOptions,
  ) {
    this.#owner = owner;
    this.#pace = { latency };
    this.identity = identify(adapter);
    this.#pipelines = new Pipelines(owner);
    this.#traits = traits;
    this.#storage = storage;
    this.#candidates = tile === undefined ? (tuning?.candidates ?? candidateTiles) : () => [tile];
    this.#tuner = tuning === undefined ? undefined : new TileTuner(owner, this.#pipelines, latency, this.identity, tuning);
    this.adapter = summarise(adapter);
    // WebGPU does not tell how much memory there is; what does not fit is refused when it is allocated.
    this.limits = { arenaBytes: Number.MAX_SAFE_INTEGER };
  }

  /** @throws NoWebGpuError with the reason where WebGPU can't be used */
  static create(options: WebGpuOptions = {}): Promise<WebGpuEngine> {
    return inTurn(() => WebGpuEngine.#open(options));
  }

  static async #open(options: WebGpuOptions): Promise<WebGpuEngine> {
    const { plain = false, bindingBytes = Infinity, timestamps = false, storage = 'float32', tuning } = options;
    // Kernels are measured by it if waiting for the device takes long.
    const clock = timestamps || (tuning !== undefined && !plain);
    const adapter = await requestAdapter();
    const { limits } = adapter;
    const subgroups = !plain && adapter.features.has('subgroups');
    const device = await adapter.requestDevice({
      label: 'WID Studio',
      requiredFeatures: [
        ...(subgroups ? ['subgroups' as const] : []),
        ...(storage === 'float16' && !plain && adapter.features.has('shader-f16') ? ['shader-f16' as const] : []),
        ...(clock && adapter.features.has('timestamp-query') ? ['timestamp-query' as const] : []),
      ],
      requiredLimits: plain
        ? {}
        : {
            maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
            maxBufferSize: limits.maxBufferSize,
            maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
          },
    });
    const { subgroupMinSize, subgroupMaxSize } = adapter.info;
    const most = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize, MOST_BINDING_BYTES, bindingBytes);
    const owner = new DeviceOwner(device);
    const traits: DeviceTraits = {
      subgroupSize: await provenSubgroupSize(owner, subgroups && subgroupMinSize === subgroupMaxSize ? subgroupMinSize : 0),
      quads: subgroups,
      software: summarise(adapter).software,
      invocations: device.limits.maxComputeInvocationsPerWorkgroup,
      workgroupBytes: device.limits.maxComputeWorkgroupStorageSize,
      groupsAnAxis: device.limits.maxComputeWorkgroupsPerDimension,
      bindingBytes: Math.floor(most / ALIGNMENT) * ALIGNMENT,
      dispatchFlops: options.dispatchFlops ?? DISPATCH_FLOPS,
    };
    return new WebGpuEngine(owner, adapter, traits, await completionLatency(owner), options);
  }

  describe(): EngineDescription {
    const { subgroupSize, quads } = this.#traits;
    const lanes = subgroupSize > 0 ? `, subgroups of ${subgroupSize}` : quads ? ', subgroups' : '';
    const kernels = this.#tuner === undefined ? '' : ', measured kernels';
    const storage =
      this.#storage === 'float32' ? '' : this.storesHalves ? ', frozen weights in float16' : ', weights in float32 (no shader-f16 here)';
    const software = this.adapter.software ? ' (software)' : '';
    return { name: 'webgpu', detail: `${this.adapter.name}${software}${lanes}${kernels}${storage}`, threads: 1 };
  }

  /** Whether frozen weights are stored in half precision: asked for, and possible here. */
  get storesHalves(): boolean {
    return this.#owner.device.features.has('shader-f16');
  }

  get kernels(): ReadonlyMap<string, string> | undefined {
    return this.#tuner?.kernels;
  }

  /** What was measured for the programs that were compiled so far; nothing where all of it was remembered. */
  get measurements(): readonly Measurement[] {
    return this.#tuner?.measurements ?? [];
  }

  /** Milliseconds that the host waits to hear that a submission of nothing is done. */
  get latency(): number {
    return this.#pace.latency;
  }

  /** Whether programs can tell what each kernel takes. */
  get timestamps(): boolean {
    return this.#owner.device.features.has('timestamp-query');
  }

  async compile(plan: Plan, watch: CompileWatch = {}): Promise<WebGpuProgram> {
    return this.#build(plan, await this.#lower(plan, watch, this.#tuner), watch);
  }

  /**
   * Compares a small program of all operations with the reference engine, once for an adapter and a build's kernels. No kernel is
   * measured for it.
   *
   * @param remembered keeps that all was right
   * @throws WrongNumbersError with the first number that this device computes wrongly
   * @throws EngineError or DeviceLostError if the device refuses what every device must take
   */
  async check(remembered: Remembered): Promise<CheckReport> {
    const started = performance.now();
    // A software adapter compiles for a second at each of its large kernels, which measuring compares as well.
    const graph = checkGraph(!this.adapter.software);
    const { planOptions } = this;
    const lowered = await this.#lower(plan(graph.graph, planOptions), {}, undefined);
    const key = `numbers of ${this.identity}, kernels #${hashOf(lowered.lowering.dispatches.map(({ shader }) => shader.code))}`;
    if ((await remembered.recall(key)) === RIGHT) return { milliseconds: performance.now() - started, remembered: true };
    const wrong = await firstWrongNumber({ planOptions, compile: (plan) => this.#build(plan, lowered, {}) }, graph);
    if (wrong !== undefined) throw new WrongNumbersError(wrongInWords(wrong), this.identity);
    await remembered.remember(key, () => RIGHT);
    return { milliseconds: performance.now() - started, remembered: false };
  }

  async #lower(plan: Plan, watch: CompileWatch, tuner: TileTuner | undefined): Promise<Lowered> {
    this.#owner.alive();
    const { bindingBytes } = this.#traits;
    const halves = this.storesHalves ? halvesOf(plan) : new Set<number>();
    const slabBytes = Math.min(SLAB_BYTES, bindingBytes);
    const placement = placeInSlabs(plan, { slabBytes, pieceBytes: bindingBytes, alignment: ALIGNMENT, halves });
    const memory = new ProgramMemory(placement, bindingBytes);
    const tuned = await tuner?.choose(productsOf(plan.nodes, placement, this.#traits, this.#candidates), watch);
    const lowering = new Lowering(memory, this.#traits, (problem) =>
      needTile(problem, tuned?.get(problemName(problem)) ?? this.#candidates(problem, this.#traits)[0]),
    );
    for (const node of plan.nodes) lowerNode(lowering, node);
    return { placement, memory, lowering };
  }

  async #build(plan: Plan, { placement, memory, lowering }: Lowered, watch: CompileWatch): Promise<WebGpuProgram> {
    await this.#pipelines.compile(
      lowering.dispatches.map(({ shader }) => shader),
      (done, total) => watch.progress?.('compiling', done, total),
    );
    const made: GPUBuffer[] = [];
    const allocate = async (label: string, bytes: number, usage: number): Promise<GPUBuffer> => {
      const buffer = await this.#owner.buffer(label, bytes, usage);
      made.push(buffer);
      return buffer;
    };
    try {
      const storage = USAGE.storage | USAGE.copySource | USAGE.copyTarget;
      const slabs: GPUBuffer[] = [];
      const holds = largestTensors(plan, placement);
      for (const [index, bytes] of placement.slabs.entries()) {
        const label = `slab ${index} of ${placement.slabs.length} (${holds.get(index) ?? 'empty'}; the program needs ${sizeInWords(placement.bytes)} in all)`;
        slabs.push(await allocate(label, bytes, storage));
      }
      const scratch: GPUBuffer[] = [];
      for (const [index, bytes] of memory.scratch.entries()) scratch.push(await allocate(`scratch ${index}`, bytes ?? ALIGNMENT, storage));
      const tables: GPUBuffer[] = [];
      for (const [index, words] of memory.tables.entries()) {
        const table = await allocate(`table ${index}`, Math.ceil(words.byteLength / 16) * 16, storage);
        this.#owner.device.queue.writeBuffer(table, 0, words);
        tables.push(table);
      }
      const uniforms = await allocate('sizes', Math.max(1, lowering.dispatches.length) * UNIFORM_BYTES, USAGE.uniform | USAGE.copyTarget);
      const bufferAt = (place: BufferPlace): GPUBuffer | undefined =>
        place.kind === 'slab' ? slabs[place.slab] : (place.kind === 'area' ? scratch : tables)[place.number];
      const ready = await bindDispatches(this.#owner, this.#pipelines, lowering.dispatches, uniforms, ({ place, offset }) => {
        const buffer = bufferAt(place);
        return buffer === undefined ? undefined : { buffer, offset };
      });
      const others = made.filter((buffer) => !slabs.includes(buffer));
      return withConstants(new WebGpuProgram(this.#owner, plan, memory, slabs, others, ready, this.#pace), plan);
    } catch (error) {
      for (const buffer of made) buffer.destroy();
      throw error;
    }
  }

  dispose(): void {
    this.#owner.dispose();
  }

  /** Takes the device away as a driver does that is reset: for tests of what happens then. */
  loseDevice(): void {
    this.#owner.device.destroy();
  }
}
