import type { EngineChoice, EngineSettings } from '../studio/api/engine.ts';

export const ENGINE_CHOICES = ['auto', 'webgpu', 'cpu', 'reference'] as const satisfies readonly EngineChoice[];

/** `?engine=` of the page's address; `auto` where it says nothing that is known. */
export function engineFromAddress(): EngineChoice {
  const asked = new URLSearchParams(location.search).get('engine');
  return ENGINE_CHOICES.find((choice) => choice === asked) ?? 'auto';
}

/**
 * `?tuning=off` of the page's address: WebGPU kernels are taken unmeasured. `?storage=float16`: weights that are only read are
 * stored in half precision where the adapter can.
 */
export function engineSettingsFromAddress(): EngineSettings {
  const asked = new URLSearchParams(location.search);
  return { tuning: asked.get('tuning') !== 'off', storage: asked.get('storage') === 'float16' ? 'float16' : 'float32' };
}

/** Puts the choice into the address, so that a reload and a shared link keep it. */
export function engineToAddress(choice: EngineChoice): void {
  const address = new URL(location.href);
  if (choice === 'auto') address.searchParams.delete('engine');
  else address.searchParams.set('engine', choice);
  history.replaceState(null, '', address);
}
