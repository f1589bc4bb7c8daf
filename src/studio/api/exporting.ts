import type { Output } from '../../models/outputs.ts';

/** How an ONNX file holds its matrices. */
export type OnnxPrecision = 'fp32' | 'fp16' | 'int8' | 'q4';

/** What goes into the folder besides the checkpoint in fp32, `onnx/model.onnx`, tokenizer, model card and recipe. */
export interface ExportOptions {
  /** What files answer with; `last_hidden_state` leaves the head out. Default: the model's own, `logits` if it has a head. */
  readonly outputs?: Output;
  /** Storage of `model.safetensors`. Default fp32. */
  readonly weights?: 'fp32' | 'fp16';
  /** `onnx/model_fp16.onnx`. Default false. */
  readonly fp16?: boolean;
  /** `onnx/model_quantized.onnx`, which transformers.js takes by default. Default true. */
  readonly int8?: boolean;
  /** `onnx/model_q4.onnx`: matrices in blocks of four bits, which WebGPU multiplies as they are. Default false. */
  readonly q4?: boolean;
  /** `onnx/model_attentions.onnx`: the same with every layer's attention as an output, for looking into. Default false. */
  readonly attentions?: boolean;
  /** `wid/compactors.safetensors`, where the run had any: to continue or study it. Default true. */
  readonly compactors?: boolean;
  /** Measures latency of teacher and student in onnxruntime-web. Default true. */
  readonly latency?: boolean;
}

/** Engine and runtime on one batch of real text; every sequence but the first ends in padding where it has room. */
export interface OnnxCheck {
  readonly batch: number;
  readonly length: number;
  /** Largest |engine - runtime|. */
  readonly difference: number;
  /** The same over max(1, |logit|). */
  readonly relative: number;
  /** Root mean square of the differences over that of the logits about their mean. */
  readonly rms: number;
}

/** Milliseconds of one run in onnxruntime-web on one thread, after warm-up. */
export interface OnnxLatency {
  readonly batch: number;
  readonly length: number;
  readonly runs: number;
  readonly median: number;
  readonly p95: number;
}

/** Held-out masked tokens answered by a file in onnxruntime-web, and by the engine in float32 on the same tokens. */
export interface OnnxHeldOut {
  readonly tokens: number;
  /** Of the file, 0 to 1. */
  readonly accuracy: number;
  /** Of the engine's float32 model, 0 to 1; the difference is what the file's precision costs. */
  readonly engineAccuracy: number;
}

/** One ONNX file: what it was compared with, and whether it is in the zip. */
export interface OnnxFileReport {
  /** Path in the folder. */
  readonly path: string;
  /** What it answers with; differences are of this. */
  readonly output: Output;
  readonly precision: OnnxPrecision;
  /** With its external data, if it has any. */
  readonly bytes: number;
  /** Over all checks. */
  readonly largestDifference: number;
  readonly checked: readonly OnnxCheck[];
  /** What a check may not exceed: `relative` or `rms`, by name. */
  readonly tolerance: { readonly measure: 'relative' | 'rms'; readonly most: number };
  /** Null where no text is loaded, or the precision is fp32. */
  readonly heldOut: OnnxHeldOut | null;
  /** Null where none was asked for. */
  readonly latency: OnnxLatency | null;
  /** Why the file is not in the zip, with the first node that differs where one was found; null if it is in it. */
  readonly withheld: string | null;
}

/** A folder of files as a zip. */
export interface ExportResult {
  readonly name: string;
  /** Made piece by piece; the browser may keep it on disk. */
  readonly zip: Blob;
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  /** Largest |engine - onnxruntime-web| of the fp32 file's answer. */
  readonly largestDifference: number;
  /** Of the fp32 file. */
  readonly checked: readonly OnnxCheck[];
  /** Every ONNX file that was made, withheld ones too; the fp32 file first. */
  readonly onnx: readonly OnnxFileReport[];
  /** The teacher's fp32 file on the same input as the student's; null where it was not measured, or is the model at hand. */
  readonly teacherLatency: OnnxLatency | null;
}
