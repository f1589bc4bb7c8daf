import { WasmEngine } from '../../../src/engines/wasm/wasmEngine.ts';
import { WebGpuEngine } from '../../../src/engines/webgpu/webgpuEngine.ts';
import type { StartContender } from '../contender.ts';
import { jaxJsContender } from './jaxJs.ts';
import { onnxruntimeContender } from './onnxruntime.ts';
import { ownContender } from './own.ts';
import { tensorflowJsContender, type RegisterBackend } from './tensorflowJs.ts';

/** Contenders in the order in which they are measured; the first is what the others are compared with. */
export function contenders(tensorflow: Readonly<Record<'wasm' | 'webgpu', RegisterBackend>>): ReadonlyMap<string, StartContender> {
  return new Map<string, StartContender>([
    ['WID Studio cpu', async (threads) => ownContender(await WasmEngine.create(threads))],
    ['onnxruntime-web', onnxruntimeContender],
    ['jax-js wasm', () => jaxJsContender('wasm')],
    ['TensorFlow.js wasm', () => tensorflowJsContender('wasm', tensorflow.wasm)],
    ['WID Studio webgpu', async () => ownContender(await WebGpuEngine.create())],
    ['jax-js webgpu', () => jaxJsContender('webgpu')],
    ['TensorFlow.js webgpu', () => tensorflowJsContender('webgpu', tensorflow.webgpu)],
  ]);
}
