import type { Output } from '../../models/outputs.ts';

/** What an ONNX file answers with: a row of scores or numbers a token, or a vector a sentence. */
export type FileOutput = Output | 'sentence_embedding';

/**
 * Which vectors of sentences a student leaves with: `same` are the teacher's in width and space, so that its index can be searched with them;
 * `own` are as wide as the student and have the same cosines.
 */
export type VectorForm = 'same' | 'own';

/** How an ONNX file holds its matrices. */
export type OnnxPrecision = 'fp32' | 'fp16' | 'int8' | 'q4';

/** What goes into the folder besides the checkpoint in fp32, `onnx/model.onnx`, tokenizer, model card and recipe. */
export interface ExportOptions {
  /** What files answer with; `last_hidden_state` leaves the head out. Default: the model's own, `logits` if it has a head. */
  readonly outputs?: Output;
  /** Sentence vectors: which ones. Default `same`. */
  readonly vectors?: VectorForm;
  /**
   * Sentence vectors: `module` keeps the layer behind pooling as a module of its own; `tokens` lays it behind every token of the ONNX files,
   * for tools that pool by themselves, and leaves the checkpoint out. Default `module`.
   */
  readonly dense?: 'module' | 'tokens';
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
  /** `wid/compactors.safetensors`, if the run had compactors: to study them, or to continue the run. Default true. */
  readonly compactors?: boolean;
  /** Measures latency of teacher and student in onnxruntime-web. Default true. */
  readonly latency?: boolean;
}

/** Engine and runtime on one batch of real text; every sequence but the first ends in padding if it has room. */
export interface OnnxCheck {
  readonly batch: number;
  readonly length: number;
  /** Largest |engine - runtime|. */
  readonly difference: number;
  /** The same, divided by max(1, |logit|). */
  readonly relative: number;
  /** Root mean square of the differences, divided by the standard deviation of the logits. */
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
  /** Share of these tokens that the file predicts right, 0 to 1. */
  readonly accuracy: number;
  /** The same of the engine's float32 model, 0 to 1. The difference is what the file's precision costs. */
  readonly engineAccuracy: number;
}

/** A file on onnxruntime-web's WebGPU provider. */
export interface OnnxWebGpu {
  /** What its tolerance is about, the largest over all checks; infinite if it fails there. */
  readonly measured: number;
  readonly latency: OnnxLatency | null;
  /** Why it is not fit for WebGPU; null if it is. */
  readonly unfit: string | null;
}

/** One ONNX file: what it was compared with, and whether it is in the zip. */
export interface OnnxFileReport {
  /** Path in the folder. */
  readonly path: string;
  /** What it answers with; differences are of this. */
  readonly output: FileOutput;
  readonly precision: OnnxPrecision;
  /** Size, with external data if it has any, in bytes. */
  readonly bytes: number;
  /** Largest |engine - onnxruntime-web| over all checks. */
  readonly largestDifference: number;
  readonly checked: readonly OnnxCheck[];
  /** What a check may not exceed: `relative` or `rms`, by name. */
  readonly tolerance: { readonly measure: 'relative' | 'rms'; readonly most: number };
  /** Null if no text is loaded, or if the precision is fp32. */
  readonly heldOut: OnnxHeldOut | null;
  /** Null if nobody asked for it. */
  readonly latency: OnnxLatency | null;
  /** Absent if this machine has no GPU for it, or the file is withheld. */
  readonly webGpu?: OnnxWebGpu;
  /** Why the file is not in the zip, with the first node that differs if one was found. Null if the file is in the zip. */
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
  /** Latency of the teacher's fp32 file on the student's input. Null if it was not measured, or if the teacher itself is exported. */
  readonly teacherLatency: OnnxLatency | null;
}
