import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import plain from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url';
import simd from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';
import threadedSimd from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm?url';
import { expose } from 'comlink';
import { contenders } from '../contenders/list.ts';
import { LocalBooth, type Booth } from '../measure.ts';

const begin = contenders({
  wasm: () => {
    setWasmPaths({
      'tfjs-backend-wasm.wasm': plain,
      'tfjs-backend-wasm-simd.wasm': simd,
      'tfjs-backend-wasm-threaded-simd.wasm': threadedSimd,
    });
    return Promise.resolve();
  },
  webgpu: () => import('@tensorflow/tfjs-backend-webgpu'),
}).get(self.name);
if (begin === undefined) throw new Error(`bench: there is no contender ${self.name}.`);
const booth = new LocalBooth(begin);
const exposed: Booth = {
  start: (threads) => booth.start(threads),
  open: (problem) => booth.open(problem),
  time: (milliseconds) => booth.time(milliseconds),
  close: () => booth.close(),
  abandon: () => booth.abandon(),
};
expose(exposed);
