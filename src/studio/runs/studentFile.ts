import type { ByteContent } from '../../tensor/byteSource.ts';
import type { BertConfig } from '../../models/config.ts';
import { familyNamed, familyOf } from '../../models/families/registry.ts';
import type { MergedStudent } from '../student.ts';
import { under } from './checkpointFile.ts';
import { refusal, seal, unseal } from './sealedFile.ts';

/** 2: a digest of stretches. */
const VERSION = 2;
const STUDENT = 'student/';
const COMPACTORS = 'compactors/';

export function encodeStudent({ model, compactors }: MergedStudent): Promise<Iterable<Uint8Array>> {
  const tensors = new Map([
    ...[...model.tensors].map(([name, tensor]) => [STUDENT + name, tensor] as const),
    ...[...compactors].map(([name, tensor]) => [COMPACTORS + name, tensor] as const),
  ]);
  return seal('WIDSTUD', VERSION, { family: familyOf(model.config.family).id, config: model.config }, tensors);
}

/** Files of before there was a choice name no family. */
function hasConfig(value: unknown): value is { readonly family?: string; readonly config: BertConfig } {
  return typeof value === 'object' && value !== null && 'config' in value;
}

/** @throws StudioError if the file is of a newer version, cut short, or not what was written */
export async function decodeStudent(name: string, bytes: ByteContent): Promise<MergedStudent> {
  const { plain, tensors } = await unseal(name, 'WIDSTUD', VERSION, bytes);
  if (!hasConfig(plain)) throw refusal(name, "a student's configuration", 'none');
  familyNamed(name, plain.family);
  return { model: { config: plain.config, tensors: under(STUDENT, tensors) }, compactors: under(COMPACTORS, tensors) };
}
