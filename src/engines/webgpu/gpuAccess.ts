import { StudioError } from '../../tensor/studioError.ts';
import { isNode } from '../wasm/kernelModule.ts';

/** What an adapter is, as far as it says. */
export interface AdapterSummary {
  /** For people: what the driver calls itself. */
  readonly name: string;
  /** A processor that plays a GPU (SwiftShader, llvmpipe, WARP): correct, and slower than the CPU engine. */
  readonly software: boolean;
}

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|\bwarp\b|software/i;

const NO_ADAPTER_IN_NODE =
  'webgpu: this machine offers no GPU adapter — expected Vulkan, Metal or Direct3D 12 drivers. Install one (on Linux also libvulkan1), or use --engine cpu.';

/** WebGPU cannot be used here: nobody's fault, and cured by another driver, browser or engine. */
export class NoWebGpuError extends StudioError {
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}) {
    super('no-webgpu', message, details);
  }
}

/**
 * The system's preferred adapter.
 * @throws NoWebGpuError with the reason: no WebGPU in this browser, no package in Node, no adapter
 */
export async function requestAdapter(): Promise<GPUAdapter> {
  const gpu = await findGpu();
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null)
    throw new NoWebGpuError(
      isNode()
        ? NO_ADAPTER_IN_NODE
        : 'webgpu: this browser has WebGPU, but offers no adapter. Turn hardware acceleration on, or choose the CPU engine.',
    );
  return adapter;
}

/** The device that was asked for last, while it is made. */
let opening: Promise<unknown> = Promise.resolve();

/**
 * Adapter and device in one turn, one after the other: Dawn in Node ends the whole process when two are asked for at once,
 * under any driver. Devices that exist work side by side.
 */
export function inTurn<T>(open: () => Promise<T>): Promise<T> {
  const turn = opening.then(open);
  // The next one's turn comes whether this one fails or not.
  opening = turn.catch(() => {});
  return turn;
}

export function summarise({ info }: Pick<AdapterFacts, 'info'>): AdapterSummary {
  const words = [info.description, info.device, info.architecture, info.vendor].filter((word) => word !== '');
  const name = words[0] ?? 'GPU (this browser does not name it)';
  return { name, software: info.isFallbackAdapter || words.some((word) => SOFTWARE.test(word)) };
}

/** What an adapter tells about itself. */
export interface AdapterFacts {
  readonly info: Pick<GPUAdapterInfo, 'vendor' | 'architecture' | 'device' | 'description' | 'isFallbackAdapter'>;
  readonly limits: Readonly<Partial<Record<(typeof TELLING_LIMITS)[number], number>>>;
  readonly features: ReadonlySet<string>;
}

/** Limits that differ between GPUs, for adapters that say nothing else about themselves. */
const TELLING_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxStorageBuffersPerShaderStage',
  'maxTextureDimension2D',
] as const;

/**
 * Adapter, driver as far as it is told, and what WebGPU runs in: measurements hold for the whole of it. An adapter without a name
 * (Firefox) goes by its limits and features, so that two GPUs of one machine do not share what was measured.
 */
export function identify({ info, limits, features }: AdapterFacts): string {
  const runtime = isNode() ? `Node ${process.versions.node}` : navigator.userAgent;
  const words = [info.vendor, info.architecture, info.device, info.description].filter((word) => word !== '');
  if (words.length === 0)
    words.push('unnamed', ...TELLING_LIMITS.map((name) => `${name} ${limits[name] ?? 0}`), ...[...features].toSorted());
  return [...words, runtime].join(', ');
}

/** Kept for the life of the process: devices of a collected instance are lost. */
let nodeGpu: GPU | undefined;

async function findGpu(): Promise<GPU> {
  // Missing in Node, in browsers without WebGPU and on pages that are not secure, whatever the types say. Deno and Bun look like
  // Node, and may have it.
  const gpu = (globalThis as { readonly navigator?: { readonly gpu?: GPU } }).navigator?.gpu;
  if (gpu !== undefined) return gpu;
  if (!isNode())
    throw new NoWebGpuError(
      'webgpu: this browser has no WebGPU, or the page is not served by https or from localhost. Choose the CPU engine, or another browser.',
    );
  if (nodeGpu !== undefined) return nodeGpu;
  if (lacksVulkan()) throw new NoWebGpuError(NO_ADAPTER_IN_NODE);
  // Named by a variable, so that bundlers leave this optional package out of the page.
  const name = 'webgpu';
  try {
    const loaded: unknown = await import(/* @vite-ignore */ name);
    if (!isDawn(loaded)) throw new TypeError('it exports no create');
    nodeGpu = loaded.create([]);
    return nodeGpu;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new NoWebGpuError(`webgpu: the optional package webgpu could not be loaded (${reason}). Run npm ci, or use --engine cpu.`);
  }
}

/** Linux without a Vulkan loader or driver: Dawn would find nothing either, and write a page of warnings about it. */
function lacksVulkan(): boolean {
  if (process.platform !== 'linux') return false;
  const { existsSync, readdirSync } = process.getBuiltinModule('node:fs');
  const named = process.env['VK_DRIVER_FILES'] ?? process.env['VK_ICD_FILENAMES'];
  const places = ['/usr/share/vulkan/icd.d', '/usr/local/share/vulkan/icd.d', '/etc/vulkan/icd.d', '/usr/local/etc/vulkan/icd.d'];
  if (named !== undefined) return !named.split(':').some((place) => existsSync(place));
  return !places.some((place) => existsSync(place) && readdirSync(place).length > 0);
}

/** Dawn for Node, as far as it is used. */
interface Dawn {
  create(options: readonly string[]): GPU;
}

function isDawn(loaded: unknown): loaded is Dawn {
  return typeof loaded === 'object' && loaded !== null && 'create' in loaded && typeof loaded.create === 'function';
}
