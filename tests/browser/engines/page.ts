import { wrap, type Remote } from 'comlink';
import type { EnginePage } from './engines.worker.ts';

declare global {
  // The only way to give a page's functions to its test.
  var engines: Remote<EnginePage>;
}

globalThis.engines = wrap<EnginePage>(new Worker(new URL('./engines.worker.ts', import.meta.url), { type: 'module' }));
