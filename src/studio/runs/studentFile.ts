import type { ByteContent } from '../../tensor/byteSource.ts';
import type { BertConfig } from '../../models/config.ts';
import type { BertModel } from '../../models/model.ts';
import type { NamedTensors } from '../../tensor/tensor.ts';
import { under } from './checkpointFile.ts';
import { refusal, seal, unseal } from './sealedFile.ts';

/** What a run made. */
export interface StoredStudent {
  readonly student: BertModel;
  /** Compactors and LayerNorms that the student was last merged from; empty where there were none. */
  readonly compactors: NamedTensors;
}

/** 2: a digest of stretches. */
const VERSION = 2;
const STUDENT = 'student/';
const COMPACTORS = 'compactors/';

export function encodeStudent({ student, compactors }: StoredStudent): Promise<Iterable<Uint8Array>> {
  const tensors = new Map([
    ...[...student.tensors].map(([name, tensor]) => [STUDENT + name, tensor] as const),
    ...[...compactors].map(([name, tensor]) => [COMPACTORS + name, tensor] as const),
  ]);
  return seal('WIDSTUD', VERSION, { config: student.config }, tensors);
}

function hasConfig(value: unknown): value is { readonly config: BertConfig } {
  return typeof value === 'object' && value !== null && 'config' in value;
}

/** @throws StudioError if the file is of a newer version, cut short, or not what was written */
export async function decodeStudent(name: string, bytes: ByteContent): Promise<StoredStudent> {
  const { plain, tensors } = await unseal(name, 'WIDSTUD', VERSION, bytes);
  if (!hasConfig(plain)) throw refusal(name, "a student's configuration", 'none');
  return { student: { config: plain.config, tensors: under(STUDENT, tensors) }, compactors: under(COMPACTORS, tensors) };
}
