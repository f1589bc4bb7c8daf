import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import type { ExportOptions, ExportResult, VectorForm } from '../studio/api/exporting.ts';
import { OUTPUTS } from '../studio/settings/outputs.ts';
import { writeFolder } from './files.ts';
import type { Report } from './report.ts';
import { EXIT } from './usage.ts';

/** What the terminal lets a user say about the files. */
export interface FormOptions {
  readonly weights: 'fp32' | 'fp16';
  readonly outputs?: ExportOptions['outputs'];
  readonly vectors?: VectorForm;
  readonly dense?: ExportOptions['dense'];
  readonly fp16?: true;
  readonly int8: boolean;
  readonly q4?: true;
  readonly attentions?: true;
  readonly latency: boolean;
  readonly compactors: boolean;
}

export function formOptions(command: Command): Command {
  return command
    .addOption(new Option('--weights <type>', 'how model.safetensors stores numbers').choices(['fp32', 'fp16']).default('fp32'))
    .addOption(
      new Option(
        '--outputs <name>',
        `what checkpoint and ONNX files answer with: ${OUTPUTS.map(({ name, says }) => `${name} (${says})`).join(' or ')}; default: what the model gives`,
      ).choices(OUTPUTS.map(({ name }) => name)),
    )
    .addOption(
      new Option(
        '--vectors <form>',
        "sentence vectors: same (the teacher's width and space, searchable in its index) or own (as wide as the student, with the same cosines); default: same",
      ).choices(['same', 'own'] satisfies VectorForm[]),
    )
    .addOption(
      new Option(
        '--dense <place>',
        'sentence vectors: the layer behind pooling as a module of its own, or behind every token of ONNX files alone, for tools that pool by themselves; default: module',
      ).choices(['module', 'tokens'] satisfies ExportOptions['dense'][]),
    )
    .option('--fp16', 'write onnx/model_fp16.onnx as well')
    .option('--no-int8', 'leave out onnx/model_quantized.onnx')
    .option('--q4', 'write onnx/model_q4.onnx as well: four bits, for WebGPU')
    .option('--attentions', "write onnx/model_attentions.onnx as well: every layer's attention as an output")
    .option('--no-compactors', 'leave out wid/compactors.safetensors, what the student was merged from')
    .option('--no-latency', 'do not time the files in onnxruntime-web');
}

export function wishedForms({
  weights,
  outputs,
  vectors,
  dense,
  fp16,
  int8,
  q4,
  attentions,
  latency,
  compactors,
}: FormOptions): ExportOptions {
  return {
    weights,
    ...(outputs === undefined ? {} : { outputs }),
    ...(vectors === undefined ? {} : { vectors }),
    ...(dense === undefined ? {} : { dense }),
    fp16: fp16 === true,
    int8,
    q4: q4 === true,
    attentions: attentions === true,
    latency,
    compactors,
  };
}

/** Writes what was exported; a withheld file of an earlier export goes. @returns the exit code */
export async function writeExported(exported: ExportResult, out: string, report: Report): Promise<number> {
  const files = await writeFolder(exported.zip, out);
  const withheld = exported.onnx.filter((file) => file.withheld !== null);
  for (const { path } of withheld) rmSync(join(out, path), { force: true });
  const { zip: _zip, ...facts } = exported;
  report.fact('written', { ...facts, folder: out, files });
  return withheld.length === 0 ? EXIT.done : EXIT.failed;
}
