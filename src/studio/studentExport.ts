import type { BertModel } from '../bert/model.ts';
import type { Engine } from '../engines/engine.ts';
import { encodeStudentOnnx } from '../export/onnxStudent.ts';
import { studentFolder } from '../export/studentFolder.ts';
import { writeZip } from '../formats/zip.ts';
import { StudioError } from '../tensor/studioError.ts';
import { verifyOnnx } from './onnxVerification.ts';
import type { ExportResult, HeldOut, Recipe, RunResult, StudioListener } from './studioApi.ts';
import type { Teacher } from './teacher.ts';
import { tokenizerFolder } from './tokenizerFolder.ts';

/** A larger difference than this times max(1, |logit|) withholds the file. */
const TOLERANCE = 1e-4;

export interface FinishedRun {
  readonly student: BertModel;
  readonly result: RunResult;
  readonly recipe: Recipe;
}

/** Writes the student's files, runs the ONNX file in onnxruntime-web against the engine, and zips the folder. */
export async function exportStudent(
  engine: Engine,
  teacher: Teacher,
  run: FinishedRun,
  name: string,
  listen: StudioListener,
): Promise<ExportResult> {
  const folder = name.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[.-]+/, '') || 'student';
  const recipe = JSON.stringify(run.recipe);
  const onnx = encodeStudentOnnx(run.student, folder, { recipe, teacher: teacher.name, producer: 'WID Studio' });
  const checked = await verifyOnnx(engine, run.student, onnx, teacher.tokenizer, (done, total) =>
    listen({ kind: 'progress', stage: 'Checking the ONNX file', done, total }),
  );
  const largestDifference = Math.max(...checked.map((check) => check.difference));
  const relative = Math.max(...checked.map((check) => check.relative));
  if (!(relative <= TOLERANCE))
    throw new StudioError(
      'verification',
      `export: onnxruntime-web differs from the engine by ${largestDifference.toExponential(2)}, more than ${TOLERANCE} x max(1, |logit|). The file is withheld.`,
      { checked },
    );
  const files = studentFolder({
    student: run.student,
    onnx,
    tokenizerFiles: tokenizerFolder(teacher),
    modelCard: modelCard(folder, teacher, run, largestDifference),
    run: { recipe: run.recipe, result: run.result, teacher: { name: teacher.name, shape: teacher.report.shape } },
  });
  return {
    name: folder,
    zip: writeZip(folder, files),
    files: [...files].map(([path, bytes]) => ({ path, bytes: bytes.length })),
    largestDifference,
    checked,
  };
}

function modelCard(name: string, teacher: Teacher, { result, recipe }: FinishedRun, difference: number): string {
  const row = (label: string, value: HeldOut): string =>
    `| ${label} | ${value.loss.toFixed(3)} | ${(100 * value.accuracy).toFixed(1)} % | ${(100 * value.agreement).toFixed(1)} % |`;
  const { student } = recipe;
  return [
    '---',
    'library_name: transformers',
    'pipeline_tag: fill-mask',
    '---',
    '',
    `# ${name}`,
    '',
    `A BERT of ${student.layers} layers, width ${student.hiddenSize}, ${student.heads} heads and FFN ${student.intermediateSize}, compressed from ${teacher.name} by Weight-Inherited Distillation (arXiv 2305.09098) in WID Studio.`,
    '',
    `Held-out masked tokens after ${result.stepsDone} steps of ${recipe.batch} x ${recipe.sequence} tokens:`,
    '',
    '| model | loss | accuracy | agreement with the teacher |',
    '|---|---|---|---|',
    row('teacher', result.teacher),
    row('student, untrained', result.untrained),
    row('student', result.trained),
    '',
    `\`onnx/model.onnx\` was run in onnxruntime-web: its logits differ from the engine's by at most ${difference.toExponential(2)}. The recipe is in \`run.json\`.`,
    '',
  ].join('\n');
}
