import type { ByteContent } from '../../tensor/byteSource.ts';
import type { BertConfig } from '../../models/config.ts';
import type { MergedStudent } from '../student.ts';
import { under } from './checkpointFile.ts';
import { keptKind, kindFields, type ModelKind } from './modelKind.ts';
import { refusal, seal, unseal } from './sealedFile.ts';

/** What a run made, and what kind of model it is. */
export interface StoredStudent extends MergedStudent, ModelKind {}

/** 2: a digest of stretches. */
const VERSION = 2;
const STUDENT = 'student/';
const COMPACTORS = 'compactors/';

export function encodeStudent({ model, compactors, family, task }: StoredStudent): Promise<Iterable<Uint8Array>> {
  const tensors = new Map([
    ...[...model.tensors].map(([name, tensor]) => [STUDENT + name, tensor] as const),
    ...[...compactors].map(([name, tensor]) => [COMPACTORS + name, tensor] as const),
  ]);
  return seal('WIDSTUD', VERSION, { ...kindFields({ family, task }), config: model.config }, tensors);
}

function hasConfig(value: unknown): value is { readonly config: BertConfig } {
  return typeof value === 'object' && value !== null && 'config' in value;
}

/** @throws StudioError if the file is of a newer version, cut short, or not what was written */
export async function decodeStudent(name: string, bytes: ByteContent): Promise<StoredStudent> {
  const { plain, tensors } = await unseal(name, 'WIDSTUD', VERSION, bytes);
  if (!hasConfig(plain)) throw refusal(name, "a student's configuration", 'none');
  return {
    ...keptKind(name, plain),
    model: { config: plain.config, tensors: under(STUDENT, tensors) },
    compactors: under(COMPACTORS, tensors),
  };
}
