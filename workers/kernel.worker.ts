import { serveTeam } from '../src/engines/wasm/kernelThread.ts';
import type { ThreadStart } from '../src/engines/wasm/kernelModule.ts';

addEventListener('message', (event: MessageEvent<ThreadStart>) => serveTeam(event.data, () => postMessage('ready')), { once: true });
