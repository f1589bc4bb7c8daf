// Run by Deno, whose WebGPU is wgpu: the conformance cases, as one line of JSON.
import { conform } from '../../src/engines/conformance/conformance.ts';
import { NoWebGpuError } from '../../src/engines/webgpu/gpuAccess.ts';
import { WebGpuEngine } from '../../src/engines/webgpu/webgpuEngine.ts';

export type DenoFindings =
  | { readonly missing: string }
  | {
      readonly detail: string;
      readonly seconds: number;
      /** `error` as text: JSON has no infinity. */
      readonly cases: readonly { readonly name: string; readonly error: string; readonly fault: string | undefined }[];
    };

async function find(): Promise<DenoFindings> {
  const begun = performance.now();
  let engine: WebGpuEngine;
  try {
    engine = await WebGpuEngine.create();
  } catch (error) {
    if (error instanceof NoWebGpuError) return { missing: error.message };
    throw error;
  }
  const cases = await conform(engine);
  const { detail } = engine.describe();
  engine.dispose();
  return {
    detail,
    seconds: (performance.now() - begun) / 1000,
    cases: cases.map(({ name, error, fault }) => ({ name, error: String(error), fault })),
  };
}

console.log(JSON.stringify(await find()));
