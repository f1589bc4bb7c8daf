import { isNode } from '../../engines/wasm/kernelModule.ts';
import { requestAdapter, summarise } from '../../engines/webgpu/gpuAccess.ts';
import type { OnnxFile } from '../../formats/onnx/onnxModel.ts';
import type { BertModel } from '../../models/model.ts';
import type { OnnxWebGpu } from '../api/exporting.ts';
import { worst, type Tolerance } from './difference.ts';
import { measureLatency } from './latency.ts';
import { onnxInputs, openOnnx, type OnnxProvider, type OnnxRuntime } from './onnxRuntime.ts';
import type { OnnxJudge } from './onnxVerification.ts';
import type { Progress } from './progress.ts';
import { faultOfRuntime } from './runtimeFault.ts';
import type { TextBatch } from './textBatch.ts';

/** A GPU's exponential and tanh are allowed more error than a CPU's: fp32 may differ by this at least, where it is judged so. */
const LEAST_RELATIVE = 1e-3;

/**
 * Whether files are run on onnxruntime-web's WebGPU provider too: in a browser that offers a GPU. Not on a software adapter, a
 * processor that plays one: the provider takes minutes there. Node's build of onnxruntime-web has no WebGPU.
 */
export async function hasWebGpuProvider(): Promise<boolean> {
  if (isNode()) return false;
  try {
    return !summarise(await requestAdapter()).software;
  } catch {
    return false;
  }
}

/** A file, and how it is judged. */
export interface OnWebGpu {
  readonly judge: OnnxJudge;
  readonly model: BertModel;
  readonly file: OnnxFile;
  readonly dataName: string;
  readonly tolerance: Tolerance;
  /** What latency is measured of; undefined if it is not wanted. */
  readonly timed: TextBatch | undefined;
  /** For tests of the judgement where there is no GPU. */
  readonly provider?: OnnxProvider;
}

/** Runs a file on the WebGPU provider: a file that is unfit for it may still be the right one for a CPU. */
export async function judgeOnWebGpu(
  { judge, model, file, dataName, tolerance, timed, provider = 'webgpu' }: OnWebGpu,
  checking: Progress,
  timing: Progress,
): Promise<OnnxWebGpu> {
  const { measure } = tolerance;
  const most = measure === 'relative' ? Math.max(LEAST_RELATIVE, tolerance.most) : tolerance.most;
  let runtime: OnnxRuntime | undefined;
  try {
    runtime = await openOnnx(file, dataName, onnxInputs(model), provider);
    const measured = worst((await judge.check(runtime, checking)).map((check) => check[measure]));
    if (!(measured <= most))
      return {
        measured,
        latency: null,
        unfit: `It differs from the engine by ${measured.toExponential(1)} (${measure}), more than ${most}.`,
      };
    const [latency] = timed === undefined ? [] : await measureLatency([runtime], timed, timing);
    return { measured, latency: latency ?? null, unfit: null };
  } catch (error) {
    return { measured: Infinity, latency: null, unfit: `onnxruntime-web fails at it: ${faultOfRuntime(error)}` };
  } finally {
    await runtime?.close();
  }
}
