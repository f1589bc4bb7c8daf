import type { Engine } from '../../src/engines/engine.ts';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';

/** Engines that the golden and conformance suites run over, here in Node. */
export const ENGINES: readonly { readonly name: string; readonly create: () => Promise<Engine> }[] = [
  { name: 'reference', create: () => Promise.resolve(new ReferenceEngine()) },
];
