import { isNode, type ThreadStart } from './kernelModule.ts';

export interface HelperThread {
  terminate(): void;
}

// Node runs this text as it is: a worker file in TypeScript would need a loader in every host (tsx, vitest, plain Node).
const NODE_HELPER = `
const { parentPort, workerData: start } = require('node:worker_threads');
const { exports } = new WebAssembly.Instance(start.module, { env: { memory: start.memory } });
exports.setup(start.thread, start.threads, start.control, start.workspace);
parentPort.postMessage('ready');
exports.serve();
`;

/** Starts a helper and resolves when it has joined: a run before that could wait for ever. */
export async function startHelper(start: ThreadStart): Promise<HelperThread> {
  if (isNode()) {
    const { Worker: NodeWorker } = process.getBuiltinModule('node:worker_threads');
    const worker = new NodeWorker(NODE_HELPER, { eval: true, workerData: start });
    await new Promise<void>((resolve, reject) => {
      worker.once('message', () => resolve());
      worker.once('error', reject);
    });
    worker.unref();
    return { terminate: () => void worker.terminate() };
  }
  const worker = new Worker(new URL('../../../workers/kernel.worker.ts', import.meta.url), { type: 'module' });
  await new Promise<void>((resolve, reject) => {
    worker.addEventListener('message', () => resolve(), { once: true });
    worker.addEventListener('error', (event) => reject(new Error(event.message)), { once: true });
    worker.postMessage(start);
  });
  return { terminate: () => worker.terminate() };
}
