import type { Engine } from '../../engines/engine.ts';
import { ReferenceEngine } from '../../engines/reference/referenceEngine.ts';
import { RememberedHere, type Remembered } from '../../engines/remembered.ts';
import { measureGflops } from '../../engines/speedTest.ts';
import { WasmEngine } from '../../engines/wasm/wasmEngine.ts';
import type { AdapterSummary } from '../../engines/webgpu/gpuAccess.ts';
import { WebGpuEngine, type WebGpuOptions } from '../../engines/webgpu/webgpuEngine.ts';
import { WrongNumbersError } from '../../engines/wrongNumbers.ts';
import { STUDIO_VERSION } from '../version.ts';
import type { EngineChoice, EngineSettings, EngineSpeeds } from '../api/engine.ts';
import { ChosenEngine, type ChoiceFacts } from './chosenEngine.ts';
import { defaultThreads } from './defaultThreads.ts';

/** Makes the engine that a choice names; called again when a device was lost. */
export type EngineMaker = (choice: EngineChoice, threads?: number, settings?: EngineSettings) => Promise<Engine>;

/** Of the self-test, for each engine. */
const TEST_MILLISECONDS = 400;

/** @param remembered keeps measured speeds, and the kernels that won */
export function engineMaker(remembered: Remembered = new RememberedHere()): EngineMaker {
  return async (choice, threads, { tuning = true, storage = 'float32' } = {}) => {
    const webgpu: WebGpuOptions = { storage, ...(tuning ? { tuning: { remembered } } : {}) };
    switch (choice) {
      case 'reference':
        return new ReferenceEngine();
      case 'webgpu': {
        const engine = await WebGpuEngine.create(webgpu);
        try {
          return new ChosenEngine(
            engine,
            { adapter: engine.adapter, checked: await engine.check(remembered) },
            threads ?? defaultThreads(),
          );
        } catch (error) {
          engine.dispose();
          throw error;
        }
      }
      case 'cpu':
        return WasmEngine.create(threads ?? defaultThreads());
      case 'auto':
        return fastest(threads ?? defaultThreads(), webgpu, remembered);
    }
  };
}

export const makeEngine: EngineMaker = engineMaker();

/** WebGPU on a GPU that computes rightly, and faster than the CPU engine; the CPU engine otherwise. */
async function fastest(threads: number, options: WebGpuOptions, remembered: Remembered): Promise<Engine> {
  const cpu = await WasmEngine.create(threads);
  let webgpu: WebGpuEngine | undefined;
  try {
    webgpu = await WebGpuEngine.create(options);
    const { adapter } = webgpu;
    // A software adapter is not taken, right or wrong.
    const checked = adapter.software ? undefined : await webgpu.check(remembered);
    const speeds = await speedsOf(cpu, webgpu, threads, remembered);
    const notWebGpu = whyNotGpu(adapter, speeds, options.storage);
    if (notWebGpu === undefined) {
      cpu.dispose();
      return new ChosenEngine(webgpu, { adapter, speeds, ...(checked === undefined ? {} : { checked }) }, threads);
    }
    webgpu.dispose();
    return new ChosenEngine(cpu, { adapter, speeds, notWebGpu }, threads);
  } catch (error) {
    // Whatever a driver does wrong, the CPU engine works.
    webgpu?.dispose();
    const facts: ChoiceFacts = {
      notWebGpu: error instanceof Error ? error.message : String(error),
      ...(error instanceof WrongNumbersError ? { wrongNumbers: true } : {}),
    };
    return new ChosenEngine(cpu, facts, threads);
  }
}

/** Why a GPU that computes rightly is not taken all the same; undefined if it is. */
export function whyNotGpu(
  adapter: AdapterSummary,
  { cpu, webgpu }: EngineSpeeds,
  storage: EngineSettings['storage'] = 'float32',
): string | undefined {
  const speeds = `${rate(webgpu)} GFLOP/s, the CPU engine ${rate(cpu)}.`;
  const stored = storage === 'float16' ? ' The CPU engine stores weights in float32.' : '';
  if (adapter.software) return `The GPU adapter is a software one (${adapter.name}): ${speeds}${stored}`;
  if (webgpu > cpu) return undefined;
  return `The CPU engine is the faster one here: the GPU (${adapter.name}) computes ${speeds}${stored}`;
}

/** A second's self-test of both, once a machine. */
async function speedsOf(cpu: WasmEngine, webgpu: WebGpuEngine, threads: number, remembered: Remembered): Promise<EngineSpeeds> {
  // Kernels of another build have other speeds.
  const key = `speeds of ${threads} threads, apart from waiting, and ${webgpu.identity}, WID Studio ${STUDIO_VERSION}`;
  const known = parseSpeeds(await remembered.recall(key));
  if (known !== undefined) return known;
  const speeds = { cpu: await measureGflops(cpu, TEST_MILLISECONDS), webgpu: await measureGflops(webgpu, TEST_MILLISECONDS) };
  await remembered.remember(key, () => JSON.stringify(speeds));
  return speeds;
}

function parseSpeeds(text: string | undefined): EngineSpeeds | undefined {
  if (text === undefined) return undefined;
  try {
    const found: unknown = JSON.parse(text);
    if (typeof found !== 'object' || found === null || !('cpu' in found) || !('webgpu' in found)) return undefined;
    const { cpu, webgpu } = found;
    return typeof cpu === 'number' && typeof webgpu === 'number' ? { cpu, webgpu } : undefined;
  } catch {
    return undefined;
  }
}

function rate(gflops: number): string {
  return gflops.toFixed(gflops < 10 ? 1 : 0);
}
