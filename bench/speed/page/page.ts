import { wrap, type Remote } from 'comlink';
import type { Booth } from '../measure.ts';

declare global {
  interface Window {
    /** A contender in a worker of its own: engines wait with `Atomics.wait`, which pages may not. */
    openBooth: (name: string) => Remote<Booth>;
  }
}

window.openBooth = (name) => wrap<Booth>(new Worker(new URL('./booth.worker.ts', import.meta.url), { type: 'module', name }));
document.body.dataset['ready'] = 'yes';
