import { longestSequence, segmentsGiven } from '../../models/model.ts';
import type { BertModel } from '../../models/model.ts';
import { LOGITS, outputOf, partGiving } from '../../models/outputs.ts';
import type { Engine } from '../../engines/engine.ts';
import { configFile, jsonFile, textFile, weightsFile } from '../../export/checkpointFiles.ts';
import { PROTOBUF_LIMIT, writeOnnx } from '../../export/onnxStudent.ts';
import type { OnnxFile } from '../../formats/onnx/onnxModel.ts';
import { streamZip, type ZipFile } from '../../formats/zipStream.ts';
import type { Corpus } from '../../text/corpus.ts';
import type { Task } from '../../tasks/task.ts';
import type { TextTokenizer } from '../../text/tokenizer.ts';
import { faultOfRuntime, whereItStarts } from '../verification/runtimeFault.ts';
import { onnxInputs, openOnnx, runtimeVersion, type OnnxRuntime } from '../verification/onnxRuntime.ts';
import { worst } from '../verification/difference.ts';
import { OnnxJudge, TOLERANCES } from '../verification/onnxVerification.ts';
import { EMBEDDING } from '../../export/onnxPooling.ts';
import type { SentenceModules } from '../teacher/sentenceModules.ts';
import { onnxSentenceOf, sentenceFiles, tokenDense } from './sentenceFolder.ts';
import { sentenceReading, tokenReading } from './sentenceReading.ts';
import type { ExportOptions, ExportResult, FileOutput, OnnxFileReport, OnnxLatency, OnnxPrecision } from '../api/exporting.ts';
import type { StudioListener } from '../api/run.ts';
import { folderName } from './folderName.ts';
import type { Measured } from './finishedRun.ts';
import { HeldOutTokens } from '../verification/heldOutTokens.ts';
import { measureLatency } from '../verification/latency.ts';
import { hasWebGpuProvider, judgeOnWebGpu } from '../verification/webGpuProvider.ts';
import { stageProgress, type Progress } from '../verification/progress.ts';
import { textBatch, verificationTokens } from '../verification/textBatch.ts';

/** A model on its way into a folder. */
export interface ExportJob {
  readonly engine: Engine;
  readonly model: BertModel;
  /** What its files are judged by. */
  readonly task: Task;
  readonly tokenizer: TextTokenizer;
  readonly tokenizerFiles: ReadonlyMap<string, Uint8Array>;
  /** Text to verify and judge on; a page of English where there is none. */
  readonly corpus: Corpus | undefined;
  /** Wished for; what no folder may be called is cleaned. */
  readonly name: string;
  /** Of the ONNX files. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Model whose latency stands beside the student's. */
  readonly against: BertModel | undefined;
  /** What follows the encoder, if the model is for sentence vectors. */
  readonly sentences?: SentenceModules;
  /** Of held-out maskings. */
  readonly seed: number;
  /** What only this kind of export has. */
  readonly extra: readonly ZipFile[];
  card(name: string, measured: Measured): string;
  run(measured: Measured): object;
}

interface Form {
  readonly file: string;
  readonly precision: OnnxPrecision;
  readonly attentions: boolean;
  /** A vector a sentence. */
  readonly sentence?: true;
}

function formsOf({ fp16 = false, int8 = true, q4 = false, attentions = false }: ExportOptions, sentences: boolean): Form[] {
  return [
    { file: 'model.onnx', precision: 'fp32', attentions: false },
    ...(fp16 ? [{ file: 'model_fp16.onnx', precision: 'fp16', attentions: false } as const] : []),
    ...(int8 ? [{ file: 'model_quantized.onnx', precision: 'int8', attentions: false } as const] : []),
    ...(q4 ? [{ file: 'model_q4.onnx', precision: 'q4', attentions: false } as const] : []),
    ...(sentences ? [{ file: 'model_sentence.onnx', precision: 'fp32', attentions: false, sentence: true } as const] : []),
    ...(attentions ? [{ file: 'model_attentions.onnx', precision: 'fp32', attentions: true } as const] : []),
  ];
}

export interface ExportSurroundings {
  /** Ends the export between two pieces of work. */
  readonly signal?: AbortSignal | undefined;
  /** Bytes of weights above which an ONNX file keeps them beside it. */
  readonly dataLimit?: number;
}

/** Tokens of the sequence whose latency is measured. */
const LATENCY_TOKENS = 128;

/**
 * Makes a model's files one after the other, runs each ONNX file in onnxruntime-web against the engine, and puts those
 * that pass into a zip.
 *
 * @throws StudioError if a weight does not fit the storage that was asked for; `cancelled`
 */
export async function exportFolder(
  job: ExportJob,
  listen: StudioListener,
  options: ExportOptions,
  { signal, dataLimit = PROTOBUF_LIMIT }: ExportSurroundings = {},
): Promise<ExportResult> {
  const { engine, task, tokenizer, corpus } = job;
  const model = partGiving(job.model, options.outputs);
  const output = outputOf(model);
  const name = folderName(job.name);
  const progress = (stage: string): Progress => stageProgress(stage, listen, signal);
  // Made before the slow part, so that a weight that is too large is told at once.
  const { sentences } = job;
  const { hiddenSize } = model.config;
  const inTokens = sentences !== undefined && options.dense === 'tokens' ? tokenDense(sentences) : undefined;
  const asSentence = sentences === undefined ? undefined : sentenceReading(sentences.pooling, hiddenSize);
  const asTokens = inTokens === undefined ? undefined : tokenReading(inTokens, hiddenSize);
  const weights = weightsFile(model, options.weights ?? 'fp32');
  const judge = await OnnxJudge.create(engine, model, tokenizer, corpus, options.attentions === true, progress('Answering in the engine'));
  const held =
    corpus !== undefined && output === LOGITS
      ? await HeldOutTokens.create(engine, model, { task, tokenizer }, corpus, job.seed)
      : undefined;
  const against =
    options.latency === false || job.against === undefined ? undefined : await opened(partGiving(job.against, options.outputs), dataLimit);
  const onWebGpu = await hasWebGpuProvider();
  const reports: OnnxFileReport[] = [];
  let teacherLatency: OnnxLatency | null = null;

  const judged = async (form: Form, file: OnnxFile, dataName: string): Promise<OnnxFileReport> => {
    const tolerance = TOLERANCES[form.precision];
    const path = `onnx/${form.file}`;
    const bytes = file.model.length + (file.data ?? []).reduce((sum, piece) => sum + piece.length, 0);
    const isSentence = form.sentence === true;
    const reading = isSentence ? asSentence : asTokens;
    const nothing = {
      path,
      output: isSentence ? (EMBEDDING as FileOutput) : output,
      precision: form.precision,
      bytes,
      tolerance,
      heldOut: null,
      latency: null,
    };
    let runtime: OnnxRuntime;
    try {
      runtime = await openOnnx(file, dataName, onnxInputs(model));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { ...nothing, largestDifference: Infinity, checked: [], withheld: `onnxruntime-web does not open it: ${reason}` };
    }
    try {
      const checked = await judge.check(runtime, progress(`Checking ${path}`), reading);
      const largestDifference = worst(checked.map((check) => check.difference));
      const measured = worst(checked.map((check) => check[tolerance.measure]));
      if (!(measured <= tolerance.most)) {
        const where = isSentence
          ? ''
          : await whereItStarts(() => judge.firstDifference(file, dataName, checked, tolerance, form.attentions));
        const what = `onnxruntime-web differs from the engine by ${measured.toExponential(1)} (${tolerance.measure}), more than ${tolerance.most}.${where}`;
        return { ...nothing, largestDifference, checked, withheld: what };
      }
      const heldOut =
        form.precision === 'fp32' || held === undefined ? null : await held.judge(runtime, progress(`Filling held-out masks with ${path}`));
      let latency: OnnxLatency | null = null;
      const length = Math.min(LATENCY_TOKENS, longestSequence(model.config));
      const batch =
        options.latency === false || form.attentions || isSentence
          ? undefined
          : textBatch(verificationTokens(tokenizer, corpus), tokenizer, 1, length, segmentsGiven(model.config));
      if (batch !== undefined) {
        const [own, other] = await measureLatency(
          against === undefined ? [runtime] : [runtime, against],
          batch,
          progress(`Timing ${path}`),
        );
        latency = own ?? null;
        teacherLatency ??= other ?? null;
      }
      const report = { ...nothing, largestDifference, checked, heldOut, latency, withheld: null };
      if (!onWebGpu || reading !== undefined) return report;
      const asked = { judge, model, file, dataName, tolerance, timed: batch };
      const webGpu = await judgeOnWebGpu(asked, progress(`Checking ${path} on WebGPU`), progress(`Timing ${path} on WebGPU`));
      return { ...report, webGpu };
    } catch (error) {
      const reason = faultOfRuntime(error);
      return { ...nothing, largestDifference: Infinity, checked: [], withheld: `onnxruntime-web fails at it: ${reason}` };
    } finally {
      await runtime.close();
    }
  };

  const files = async function* (): AsyncGenerator<ZipFile> {
    const beside: string[] = [];
    for (const form of formsOf(options, sentences !== undefined && inTokens === undefined)) {
      const dataName = `${form.file}_data`;
      const file = writeOnnx(model, name, job.metadata, {
        precision: form.precision,
        attentions: form.attentions,
        external: { file: dataName, above: dataLimit },
        ...(form.sentence === true && sentences !== undefined ? { sentence: onnxSentenceOf(sentences) } : {}),
        ...(inTokens === undefined ? {} : { tokens: inTokens }),
      });
      const report = await judged(form, file, dataName);
      reports.push(report);
      listen({ kind: 'onnxFile', file: report });
      if (report.withheld !== null) continue;
      yield { path: report.path, pieces: [file.model] };
      if (file.data === null) continue;
      beside.push(form.file);
      yield { path: `onnx/${dataName}`, pieces: file.data };
    }
    yield configFile(model, beside);
    // Its vectors would be others than those of the ONNX files.
    if (inTokens === undefined) yield weights;
    if (sentences !== undefined && inTokens === undefined) yield* sentenceFiles(sentences, model.config.hiddenSize);
    for (const [path, bytes] of job.tokenizerFiles) yield { path, pieces: [bytes] };
    yield* job.extra;
    const { name: engineName, detail } = engine.describe();
    const measured: Measured = {
      ...(sentences === undefined
        ? {}
        : { sentences: { modules: sentences, form: options.vectors ?? 'same', inTokens: inTokens !== undefined } }),
      output,
      onnx: reports,
      teacherLatency,
      engine: `${engineName} (${detail})`,
      runtime: await runtimeVersion(),
    };
    yield textFile('README.md', job.card(name, measured));
    yield jsonFile('run.json', job.run(measured));
  };

  try {
    const written = await streamZip(name, files());
    const [first] = reports;
    return {
      name,
      ...written,
      largestDifference: first?.largestDifference ?? Infinity,
      checked: first?.checked ?? [],
      onnx: reports,
      teacherLatency,
    };
  } finally {
    await against?.close();
  }
}

async function opened(model: BertModel, dataLimit: number): Promise<OnnxRuntime> {
  return openOnnx(writeOnnx(model, 'teacher', {}, { external: { file: 'data', above: dataLimit } }), 'data', onnxInputs(model));
}
