import { createRequire } from 'node:module';
import { contenders } from './contenders/list.ts';
import { LocalBooth, type Booth } from './measure.ts';

const require = createRequire(import.meta.url);

/** The contender in this process. @throws Error if there is none of this name */
export function nodeBooth(name: string): Booth {
  const begin = contenders({
    // The package's entry for Node finds its .wasm files beside itself.
    wasm: () => Promise.resolve(require('@tensorflow/tfjs-backend-wasm')),
    webgpu: () => Promise.reject(new Error('TensorFlow.js: its WebGPU backend is for browsers.')),
  }).get(name);
  if (begin === undefined) throw new Error(`bench: there is no contender ${name}.`);
  return new LocalBooth(begin);
}
