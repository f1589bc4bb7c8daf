import { configToJson } from '../bert/config.ts';
import type { BertModel } from '../bert/model.ts';
import { headNames } from '../bert/names.ts';
import { writeSafetensors } from '../formats/safetensors.ts';

/** Everything that goes into a student's folder, by path. */
export interface StudentFolder {
  readonly student: BertModel;
  readonly onnx: Uint8Array;
  readonly tokenizerFiles: ReadonlyMap<string, Uint8Array>;
  readonly modelCard: string;
  readonly run: Readonly<Record<string, unknown>>;
}

/** A folder that `from_pretrained` loads unmodified. */
export function studentFolder({ student, onnx, tokenizerFiles, modelCard, run }: StudentFolder): Map<string, Uint8Array> {
  const text = (value: string): Uint8Array => new TextEncoder().encode(value);
  const json = (value: unknown): Uint8Array => text(`${JSON.stringify(value, null, 2)}\n`);
  const tensors = new Map(student.tensors);
  const bias = tensors.get(headNames.bias);
  // Without it transformers 5 loads zeros for an untied decoder's bias.
  if (!student.config.tieWordEmbeddings && bias !== undefined) tensors.set('cls.predictions.decoder.bias', bias);
  return new Map([
    ['config.json', json(configToJson(student.config))],
    ['model.safetensors', writeSafetensors(tensors, { format: 'pt' })],
    ...tokenizerFiles,
    ['onnx/model.onnx', onnx],
    ['README.md', text(modelCard)],
    ['run.json', json(run)],
  ]);
}
