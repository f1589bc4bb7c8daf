import { WasmEngine } from '../../../src/engines/wasm/wasmEngine.ts';
import { RememberedHere } from '../../../src/engines/remembered.ts';
import { WebGpuEngine } from '../../../src/engines/webgpu/webgpuEngine.ts';
import type { StartContender } from '../contender.ts';
import { fmaPeakContender } from './fmaPeak.ts';
import { jaxJsContender } from './jaxJs.ts';
import { onnxruntimeContender } from './onnxruntime.ts';
import { ownContender } from './own.ts';
import { tensorflowJsContender, type RegisterBackend } from './tensorflowJs.ts';

/** Milliseconds of measuring a program's kernels: all of them, even where a processor plays the GPU. */
const TUNING = 20_000;

/** Runs only when asked for by its name. */
export const UNTUNED = 'WID Studio webgpu untuned';

/** Contenders in the order in which they are measured; the first is what the others are compared with. */
export function contenders(tensorflow: Readonly<Record<'wasm' | 'webgpu', RegisterBackend>>): ReadonlyMap<string, StartContender> {
  return new Map<string, StartContender>([
    ['WID Studio cpu', async (threads) => ownContender(await WasmEngine.create(threads))],
    ['onnxruntime-web', onnxruntimeContender],
    ['jax-js wasm', () => jaxJsContender('wasm')],
    ['TensorFlow.js wasm', () => tensorflowJsContender('wasm', tensorflow.wasm)],
    ['FMA peak webgpu', fmaPeakContender],
    [
      'WID Studio webgpu',
      async () => ownContender(await WebGpuEngine.create({ tuning: { remembered: new RememberedHere(), milliseconds: TUNING } })),
    ],
    // As the studio runs with --no-tuning: the likeliest kernels, unmeasured.
    [UNTUNED, async () => ownContender(await WebGpuEngine.create())],
    ['jax-js webgpu', () => jaxJsContender('webgpu')],
    ['TensorFlow.js webgpu', () => tensorflowJsContender('webgpu', tensorflow.webgpu)],
  ]);
}
