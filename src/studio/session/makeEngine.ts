import type { Engine } from '../../engines/engine.ts';
import { ReferenceEngine } from '../../engines/reference/referenceEngine.ts';
import { WasmEngine } from '../../engines/wasm/wasmEngine.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { EngineChoice } from '../studioApi.ts';
import { defaultThreads } from './defaultThreads.ts';

/** Makes the engine that a choice names; called again when a device was lost. */
export type EngineMaker = (choice: EngineChoice, threads?: number) => Promise<Engine>;

export const makeEngine: EngineMaker = async (choice, threads) => {
  if (choice === 'webgpu') throw new StudioError('engine', 'engine: webgpu is not built yet. Choose cpu.');
  return choice === 'reference' ? new ReferenceEngine() : WasmEngine.create(threads ?? defaultThreads());
};
