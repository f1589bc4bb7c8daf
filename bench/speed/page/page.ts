import { wrap, type Remote } from 'comlink';
import type { Booth } from '../measure.ts';

declare global {
  interface Window {
    /** A contender in a worker of its own: engines wait with `Atomics.wait`, which pages may not. */
    openBooth: (name: string) => { readonly booth: Remote<Booth>; readonly worker: Worker };
  }
}

window.openBooth = (name) => {
  const worker = new Worker(new URL('./booth.worker.ts', import.meta.url), { type: 'module', name });
  return { booth: wrap<Booth>(worker), worker };
};
document.body.dataset['ready'] = 'yes';
