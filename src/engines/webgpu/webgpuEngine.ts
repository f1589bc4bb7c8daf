import type { Plan, PlanOptions } from '../../graph/plan.ts';
import { placeInSlabs, type SlabPlacement } from './slabs.ts';
import { sizeInWords } from '../../tensor/bytes.ts';
import { formatShape } from '../../tensor/shape.ts';
import type { CompileWatch, Engine, EngineDescription, EngineLimits } from '../engine.ts';
import { bindDispatches } from './binding.ts';
import { DeviceOwner, USAGE } from './deviceOwner.ts';
import { UNIFORM_BYTES, type BufferPlace } from './dispatch.ts';
import { halvesOf } from './halves.ts';
import { identify, inTurn, requestAdapter, summarise, type AdapterSummary } from './gpuAccess.ts';
import { Lowering, type DeviceTraits } from './lower/lowering.ts';
import { lowerNode } from './lower/lowerNode.ts';
import type { MatmulTile } from './matmul/form.ts';
import { candidateTiles } from './matmul/candidates.ts';
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

const ALIGNMENT = 256;
/** Element numbers in kernels are u32, and some drivers fail beyond 2 GiB in one buffer. */
const MOST_SLAB_BYTES = 2 ** 31 - ALIGNMENT;

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
  readonly #traits: DeviceTraits;
  readonly #candidates: Candidates;
  readonly #tuner: TileTuner | undefined;
  /** As it was asked for. */
  readonly #storage: WeightStorage;

  private constructor(owner: DeviceOwner, adapter: GPUAdapter, traits: DeviceTraits, { tile, tuning, storage = 'float32' }: WebGpuOptions) {
    this.#owner = owner;
    this.identity = identify(adapter);
    this.#pipelines = new Pipelines(owner);
    this.#traits = traits;
    this.#storage = storage;
    this.#candidates = tile === undefined ? (tuning?.candidates ?? candidateTiles) : () => [tile];
    this.#tuner = tuning === undefined ? undefined : new TileTuner(owner, this.#pipelines, this.identity, tuning);
    this.adapter = summarise(adapter);
    // WebGPU does not tell how much memory there is; what does not fit is refused when it is allocated.
    this.limits = { arenaBytes: Number.MAX_SAFE_INTEGER };
  }

  /** @throws NoWebGpuError with the reason where WebGPU can't be used */
  static create(options: WebGpuOptions = {}): Promise<WebGpuEngine> {
    return inTurn(() => WebGpuEngine.#open(options));
  }

  static async #open(options: WebGpuOptions): Promise<WebGpuEngine> {
    const { plain = false, bindingBytes = Infinity, timestamps = false, storage = 'float32' } = options;
    const adapter = await requestAdapter();
    const { limits } = adapter;
    const subgroups = !plain && adapter.features.has('subgroups');
    const device = await adapter.requestDevice({
      label: 'WID Studio',
      requiredFeatures: [
        ...(subgroups ? ['subgroups' as const] : []),
        ...(storage === 'float16' && !plain && adapter.features.has('shader-f16') ? ['shader-f16' as const] : []),
        ...(timestamps && adapter.features.has('timestamp-query') ? ['timestamp-query' as const] : []),
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
    const most = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize, MOST_SLAB_BYTES, bindingBytes);
    const owner = new DeviceOwner(device);
    const traits: DeviceTraits = {
      subgroupSize: await provenSubgroupSize(owner, subgroups && subgroupMinSize === subgroupMaxSize ? subgroupMinSize : 0),
      quads: subgroups,
      software: summarise(adapter).software,
      invocations: device.limits.maxComputeInvocationsPerWorkgroup,
      workgroupBytes: device.limits.maxComputeWorkgroupStorageSize,
      groupsAnAxis: device.limits.maxComputeWorkgroupsPerDimension,
      bindingBytes: Math.floor(most / ALIGNMENT) * ALIGNMENT,
    };
    return new WebGpuEngine(owner, adapter, traits, options);
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

  /** Whether programs can tell what each kernel takes. */
  get timestamps(): boolean {
    return this.#owner.device.features.has('timestamp-query');
  }

  async compile(plan: Plan, watch: CompileWatch = {}): Promise<WebGpuProgram> {
    this.#owner.alive();
    const { bindingBytes } = this.#traits;
    const halves = this.storesHalves ? halvesOf(plan) : new Set<number>();
    const placement = placeInSlabs(plan, { slabBytes: bindingBytes, alignment: ALIGNMENT, halves });
    const memory = new ProgramMemory(placement, bindingBytes);
    const tuned = await this.#tuner?.choose(productsOf(plan.nodes, placement, this.#traits, this.#candidates), watch);
    const lowering = new Lowering(memory, this.#traits, (problem) =>
      needTile(problem, tuned?.get(problemName(problem)) ?? this.#candidates(problem, this.#traits)[0]),
    );
    for (const node of plan.nodes) lowerNode(lowering, node);
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
      return new WebGpuProgram(this.#owner, plan, memory, slabs, others, ready);
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
